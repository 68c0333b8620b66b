/** Metrics that operators name themselves: bounded, one kind per name, never a failure to look at. */
import t from 'tap'
import { mergeNamed } from '../../../lib/metrics/merge-named.js'
import { createNamedMetrics, METRICS_MAX } from '../../../lib/metrics/named-metrics.js'

t.test('the same name gives the same counter, at zero at first', async (t) => {
  const metrics = createNamedMetrics('window')
  t.equal(metrics.used, false)
  metrics.counter('droppedLate').add(2)
  metrics.counter('droppedLate').add(3)
  metrics.counter('fired')
  t.equal(metrics.used, true)
  t.strictSame(metrics.read(), { counters: { droppedLate: 5, fired: 0 }, gauges: {} })
})

t.test('a gauge is read when it is asked for, and what was read changes no more', async (t) => {
  const metrics = createNamedMetrics('window')
  const open: number[] = []
  metrics.gauge('open', () => open)
  open.push(1)
  const before = metrics.read()
  open.push(2)
  t.strictSame(before.gauges, { open: [1] })
  t.strictSame(metrics.read().gauges, { open: [1, 2] })
  metrics.gauge('open', () => 'replaced')
  t.strictSame(metrics.read().gauges, { open: 'replaced' })
})

t.test('a gauge that throws, or gives too much or nothing, is shown as an error', async (t) => {
  const metrics = createNamedMetrics('window')
  metrics.gauge('throws', () => {
    throw new RangeError('boom')
  })
  metrics.gauge('large', () => 'x'.repeat(5000))
  metrics.gauge('nothing', () => undefined as never)
  t.match(metrics.read().gauges, {
    throws: { error: /boom/ },
    large: { error: /5002 characters/ },
    nothing: { error: /no JSON/ },
  })
})

t.test('names are bounded, of one kind each, and are no properties of a prototype', async (t) => {
  const metrics = createNamedMetrics('window')
  metrics.counter('a')
  t.throws(() => metrics.gauge('a', () => 0), { code: 'E_BAD_METRIC' })
  t.throws(() => metrics.counter(''), { code: 'E_BAD_METRIC' })
  t.throws(() => metrics.counter('x'.repeat(129)), { code: 'E_BAD_METRIC' })
  metrics.counter('__proto__').add(1)
  t.strictSame(Object.keys(metrics.read().counters), ['a', '__proto__'])
  for (let i = 2; i < METRICS_MAX; i++) metrics.counter(`c${i}`)
  t.throws(() => metrics.counter('one more'), { code: 'E_TOO_MANY_METRICS', message: /"window"/ })
  t.throws(() => metrics.gauge('one more', () => 0), { code: 'E_TOO_MANY_METRICS' })
  metrics.counter('a').add(1)
  t.equal(metrics.read().counters.a, 1)
})

t.test('a replacement counts on', async (t) => {
  const first = createNamedMetrics('window')
  first.counter('droppedLate').add(2)
  const second = createNamedMetrics('window', first.read().counters)
  second.counter('droppedLate').add(3)
  t.equal(second.read().counters.droppedLate, 5)
})

t.test('merging sums counters, and keeps gauges by subtask', async (t) => {
  t.strictSame(
    mergeNamed([
      { subtask: 0, counters: { late: 1 }, gauges: { open: 3 } },
      { subtask: 1, counters: { late: 2, other: 1 }, gauges: {} },
    ]),
    { counters: { late: 3, other: 1 }, gauges: { open: [{ subtask: 0, value: 3 }] } },
  )
})
