/** What kills an operator or its worker under way: the job goes on from the last checkpoint, exactly. */
import { join } from 'node:path'
import t from 'tap'
import type { JobEvent } from '../../actors/index.js'
import { directoryOf } from './accounting.js'
import { judgeOutput } from './judge.js'
import { ended, marker, runModule } from './support.js'

t.setTimeout(400_000)

const ROWS = 8_000

const faults = [
  ['throw', { kind: 'user-code', error: { message: /boom in an operator/ } }],
  ['timer', { kind: 'host', error: { message: /boom in a timer/, details: { how: 'threw' } } }],
  ['exit', { kind: 'host', error: { message: /process\.exit\(3\)/ } }],
  ['loop', { kind: 'host', error: { code: 'E_WORKER_DIED', details: { how: 'stalled' } } }],
] as const

for (const [fault, expected] of faults) {
  t.test(`after ${fault} in a worker, each row is in the output once`, async (t) => {
    const dir = directoryOf(t, fault)
    const out = join(dir, 'out')
    const args = { out, rows: String(ROWS), perSecond: '4000', fault, marker: marker(t).path }
    const job = runModule(t, 'accounting', {
      slots: 2,
      args,
      ...(fault === 'loop' && { stallMs: 1_800 }),
      checkpoint: { directory: join(dir, 'state'), interval: 30 },
    })
    const events: JobEvent['kind'][] = []
    job.events$.subscribe({ next: ({ kind }) => events.push(kind), error: () => {} })
    const { summary, error, failures } = await ended(job)
    t.equal(error, null)
    t.match(summary, { state: 'Finished', restarts: 1, guarantee: 'exactly-once' })
    t.match(failures, [expected])
    const restart = events.indexOf('RegionRestarting')
    t.ok(events.slice(0, restart).includes('SnapshotCompleted'), 'it had a checkpoint')
    t.equal(await judgeOutput(dir, ROWS), null)
  })
}
