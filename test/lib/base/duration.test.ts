import t from 'tap'
import { type Duration, durationMs } from '../../../lib/base/duration.js'

t.test('a duration is milliseconds, or a number with its unit', async (t) => {
  const known: readonly (readonly [Duration, number])[] = [
    [250, 250],
    ['250ms', 250],
    ['10s', 10_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['0.1s', 100],
    ['7d', 604_800_000],
  ]
  for (const [duration, ms] of known) t.equal(durationMs(duration, 'size'), ms, String(duration))
  t.equal(durationMs('-2h', 'offset', -Infinity), -7_200_000)
  t.equal(durationMs(0, 'lateness', 0), 0)
})

t.test('what is no duration is refused by name', async (t) => {
  for (const bad of [
    '',
    '10',
    '10 s',
    's',
    '1e3s',
    'soon',
    '0.5ms',
    0,
    -1,
    1.5,
    NaN,
    Infinity,
    null,
  ]) {
    t.throws(() => durationMs(bad as Duration, 'tumbling: size'), {
      code: 'E_BAD_DURATION',
      message: /^tumbling: size \(.*duration\.test\.ts/,
    })
  }
})
