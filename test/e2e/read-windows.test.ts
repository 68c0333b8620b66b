/** What `millrace state read` says of windows: of each its bounds, as far as they are known, and what it has. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run } from '../../actors/index.js'
import { generate, toObservable } from '../../lib/connectors/index.js'
import {
  type Assigner,
  count,
  countTrigger,
  countWindow,
  keyBy,
  pipeline,
  session,
  sliding,
  timestamps,
  tumbling,
  type WindowOptions,
  window,
  windowProcess,
} from '../../lib/index.js'
import { command, MILLRACE } from '../support/command.js'
import { directoryOf } from './accounting.js'
import { ending, first } from './support.js'

t.setTimeout(400_000)

/** More than come until the job is stopped. */
const ROWS = 20_000
const HOUR_MS = 3_600_000

type OfNumbers = Assigner<number, 'event'>

interface Kept {
  readonly options?: WindowOptions<number>
  /** Its records, not their number. */
  readonly records?: true
}

/** What is said of what such windows keep of a key when 500 rows or more of the first second have come. */
async function said(t: Test, assigner: OfNumbers, { options = {}, records }: Kept = {}) {
  const directory = join(directoryOf(t, 'read-windows'), 'state')
  const name = 'rows'
  const job = pipeline('read-windows', (flow) => {
    const windows = flow.from(generate(ROWS, (n) => n, { perSecond: 1_000 })).pipe(
      timestamps((n) => n),
      keyBy(() => 'all'),
      window(assigner, options),
    )
    if (records === undefined) windows.pipe(count({ name })).to(toObservable())
    else windows.pipe(windowProcess(({ records }) => [records.length], { name })).to(toObservable())
  })
  const checkpoint = { directory, interval: '1h' } as const
  const running = ending(t, run(job, { parallelism: 1, checkpoint, metricsIntervalMs: 20 }))
  await first(running.metrics$, ({ chains }) =>
    chains.some(({ totals }) => totals.recordsIn >= 500),
  )
  await running.stop()
  const read = await command(MILLRACE, ['state', 'read', directory, '--operator', name]).ended
  t.equal(read.code, 0)
  return read.stdout
}

const hour = '1970-01-01T00:00:00\\.000Z to 1970-01-01T01:00:00\\.000Z'
const line = (state: string, kept: string) => new RegExp(`^${state}\\tall\\t${kept}$`, 'm')

t.test('a window that is fixed has its bounds', async (t) => {
  t.match(await said(t, tumbling(HOUR_MS)), line('slices', `${hour}: \\d+`))
  const trigger = countTrigger(ROWS)
  const triggered = await said(t, tumbling(HOUR_MS), { options: { trigger } })
  t.match(triggered, line('windows', `${hour}: \\d+`))
  t.match(
    await said(t, tumbling(HOUR_MS), { records: true }),
    line('gathered', `${hour}: .*0.*1.*`),
  )
})

t.test('a session has those that it has until now', async (t) => {
  const bounds = '1970-01-01T00:00:00\\.000Z to 1970-01-01T01:00:[012]\\d\\.\\d{3}Z'
  t.match(await said(t, session('1h')), line('sessions', `${bounds}: \\d+`))
})

t.test('of windows that overlap the parts are told that they share, by their starts', async (t) => {
  const part = '1969-12-31T23:00:00\\.000Z|1970-01-01T00:00:00\\.000Z'
  t.match(await said(t, sliding(2 * HOUR_MS, HOUR_MS)), line('slices', `(${part}): \\d+`))
})

t.test('a window by count has what has been counted', async (t) => {
  t.match(await said(t, countWindow(ROWS) as never), line('counted', '\\d+'))
})
