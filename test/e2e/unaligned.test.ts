/** Unaligned rounds of whole jobs, under a pressure that aligned ones cannot bear. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { JobEvent, RunModuleOptions } from '../../actors/index.js'
import { describeSnapshot } from '../../lib/snapshot/describe.js'
import { openLevelChunkStore } from '../../lib/snapshot/level-chunk-store.js'
import { readManifest } from '../../lib/snapshot/verify.js'
import { command, MILLRACE } from '../support/command.js'
import { directoryOf } from './accounting.js'
import { judgeShuffled } from './judge.js'
import { first, runModule, within } from './support.js'

t.setTimeout(400_000)

const ROWS = 400_000
const PAUSE_MS = 20
/** So much pressure that what an aligned round waits for cannot be taken for a busy machine. */
const HIGH_PAUSE_MS = 60
const MODULE = fileURLToPath(new URL('./jobs/pressed.js', import.meta.url))

type Completed = Extract<JobEvent, { kind: 'SnapshotCompleted' }>
type Checkpoint = Omit<NonNullable<RunModuleOptions['checkpoint']>, 'directory'>

/** The round of that number which the job takes under pressure. */
async function roundUnder(t: Test, checkpoint: Checkpoint, round: number): Promise<Completed> {
  const dir = directoryOf(t, 'unaligned')
  const job = runModule(t, 'pressed', {
    slots: 2,
    args: { out: join(dir, 'out'), rows: String(10 * ROWS), pauseMs: String(HIGH_PAUSE_MS) },
    checkpoint: { interval: 700, ...checkpoint, directory: join(dir, 'state') },
  })
  const event = await within(
    120_000,
    'a round',
    first(job.events$, (event) => event.kind === 'SnapshotCompleted' && event.round >= round),
  )
  await job.cancel()
  return event as Completed
}

t.test(
  'under pressure an aligned round waits for all that is queued, an unaligned one for none',
  async (t) => {
    const aligned = await roundUnder(t, { alignmentTimeout: null }, 1)
    const unaligned = await roundUnder(t, { mode: 'unaligned' }, 2)
    const switched = await roundUnder(t, { alignmentTimeout: '100ms' }, 2)
    const show = ({ durationMs, overtakenBytes }: Completed) =>
      `${durationMs.toFixed(0)} ms, ${overtakenBytes} bytes overtaken`
    t.comment(`aligned: ${show(aligned)}`)
    t.comment(`unaligned: ${show(unaligned)}`)
    t.comment(`unaligned after 100 ms: ${show(switched)}`)
    t.equal(aligned.overtakenBytes, null)
    t.ok(unaligned.overtakenBytes! > 0)
    t.ok(switched.overtakenBytes! > 0)
    t.ok(unaligned.durationMs < aligned.durationMs / 2, 'unaligned from the beginning')
    t.ok(switched.durationMs < aligned.durationMs / 2, 'unaligned after a time')
  },
)

for (const [way, each] of [
  [['--unaligned'], 1],
  // The slow operator is kept waiting by records that are given in the middle.
  [['--alignment-timeout', '50ms'], 10_000],
] as const) {
  const how = `${way.join(' ')}, ${each} of each record`
  t.test(`kill -9 under pressure, and each row is there once: ${how}`, async (t) => {
    const dir = directoryOf(t, 'unaligned')
    const state = join(dir, 'state')
    let overtaken = 0
    for (const [life, slots] of [2, 3, 2].entries()) {
      const job = start(dir, slots, PAUSE_MS, each, way)
      await job.errors((said) => OVERTAKING.test(said))
      await delay(100 * life)
      job.process.kill('SIGKILL')
      t.equal((await job.ended).code, null, 'it was killed')
      overtaken += await overtakenIn(state)
    }
    t.comment(`${overtaken} bytes of records in flight in what was restored`)
    t.ok(overtaken > 0, 'records in flight were restored')
    // One slot has no channels any more: what was on them goes on in the middle of its chain.
    const { code, stderr } = await start(dir, 1, 0, each, way).ended
    t.equal(code, 0, stderr)
    t.equal(judgeShuffled(dir, ROWS), null)
  })
}

/** Two rounds that have overtaken something. */
const OVERTAKING = /(unaligned, [1-9].*in flight(.|\n)*){2}/

const start = (
  dir: string,
  slots: number,
  pauseMs: number,
  each: number,
  more: readonly string[],
) =>
  command(MILLRACE, [
    ...['run', MODULE, '--slots', String(slots), '--verbose'],
    ...['--checkpoint-dir', join(dir, 'state'), '--checkpoint-interval', '400ms', ...more],
    ...['--restore', 'latest', '--arg', `out=${join(dir, 'out')}`],
    ...['--arg', `rows=${ROWS}`, '--arg', `pauseMs=${pauseMs}`],
    ...['--arg', `each=${each}`],
  ])

/** In the newest snapshot: what the next life goes on from. */
async function overtakenIn(directory: string): Promise<number> {
  const store = await openLevelChunkStore(directory, { create: false })
  try {
    const newest = (await store.manifests()).at(-1)
    if (newest === undefined) return 0
    const { operators } = describeSnapshot(await readManifest(store, newest))
    return operators.reduce((sum, { inFlightBytes }) => sum + inFlightBytes, 0)
  } finally {
    await store.close()
  }
}
