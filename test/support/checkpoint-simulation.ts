/**
 * Whole jobs under a virtual clock, with crashes at every step of the protocol of snapshots. One seed
 * decides the topology, the order of actors, which step is the last of each life, and what fails
 * beside. The oracle accounts for every record: what was shown is what was sent, once, and what each
 * keyed counter said are the numbers 1 to n.
 */
import type { CheckpointOptions } from '../../actors/job/open-snapshots.js'
import { runHere } from '../../actors/job/run.js'
import { seededRandom } from '../../lib/base/random.js'
import { generate } from '../../lib/connectors/index.js'
import type { Source } from '../../lib/connectors/source.js'
import type { Pipeline } from '../../lib/index.js'
import { createVirtualClock, type VirtualClock } from '../../lib/testing/virtual-clock.js'
import { forgettingSource, forgettingStore, type Mutant } from './checkpoint-mutants.js'
import { CrashingWorld } from './crashing-store.js'
import { memoryBackend } from './level-state.js'
import { settle } from './settle.js'
import { live } from './simulated-life.js'
import { Fault, type Row, topologyOf } from './simulated-topology.js'
import { judge } from './simulation-oracle.js'

/** Lives after which a seed that makes no progress is called stuck. */
const LIVES_MAX = 40

/** By seed: in the heap, larger than memory, or now here and now there. */
const BACKENDS = ['heap', 'level', 'both'] as const
/** Fewer entries than are left alone because they were used last. */
const CACHE_BYTES = 1_000

export interface Outcome {
  readonly seed: number
  readonly verdict: string | null
  readonly crashes: number
  /** Of `STEPS`. */
  readonly diedAt: readonly string[]
  readonly restarts: number
  readonly rounds: number
  /** Rounds whose barriers have overtaken something. */
  readonly overtaking: number
  readonly text: string
}

/** Each life may take its rounds another way; who is not told the way sees the same output. */
function modeOf(seed: number, life: number): Pick<CheckpointOptions, 'mode' | 'alignmentTimeout'> {
  switch ((seed + life) % 3) {
    case 0:
      return { mode: 'aligned', alignmentTimeout: null }
    case 1:
      return { mode: 'unaligned' }
    default:
      return { mode: 'aligned', alignmentTimeout: 1 + ((seed + life) % 5) }
  }
}

interface Life {
  readonly number: number
  readonly clock: VirtualClock
}

/** Nothing in it is of one life alone, and composing it takes as long as a short life. */
function composedOnce(pipeline: Pipeline): Pipeline {
  let composed: ReturnType<Pipeline['compose']> | null = null
  return {
    ...pipeline,
    compose() {
      composed ??= pipeline.compose()
      return composed
    },
  }
}

export async function simulate(seed: number, mutant: Mutant = {}): Promise<Outcome> {
  const random = seededRandom(seed)
  const fault = new Fault(random)
  const topology = topologyOf(
    random,
    fault,
    seed % 4 === 0,
    mutant.expandsAnew === true ? 'expand' : null,
  )
  const world = new CrashingWorld(mutant)
  const oneByOne = random() < 0.5 || mutant.inTurn === true
  const backend = BACKENDS[Math.floor(seed / 3) % BACKENDS.length]!
  const splits = 1 + Math.floor(random() * (oneByOne ? 6 : 3))
  const interval = 1 + Math.floor(random() * 11)
  const positions = new Map<string, number>()
  const source = (index: number): Source<Row> => {
    const made = generate(topology.rows, (n): Row => ({ source: index, n, ways: '', counts: [] }), {
      perSecond: 3_000,
      splits,
    })
    const read = mutant.noReplay === true ? forgettingSource(made, positions, index) : made
    return oneByOne ? inTurn(read) : read
  }
  // Some of the dead do not know it yet, and go on beside their successor.
  const leavesZombies = random() < 0.2 || mutant.acceptsStale === true
  let zombie: VirtualClock | null = null
  const pipelineOf = (lifeOf: () => Life): Pipeline =>
    composedOnce(
      topology.build({
        source,
        sink: world.sink(() => lifeOf().number),
        after: (delayMs, task) => lifeOf().clock.after(delayMs, task),
        isReversed: mutant.expandsAnew === true ? everySecondCall() : never,
      }),
    )
  let present: Life | null = null
  const everyLifes = pipelineOf(() => present!)
  let wallTimeMs = Date.UTC(2024, 0, 1)
  let restarts = 0
  let rounds = 0
  let overtaking = 0
  for (let lives = 0; lives < LIVES_MAX; lives++) {
    // Each life is longer than the one before, so that there is an end.
    const steps =
      random() < 0.15 ? Number.POSITIVE_INFINITY : Math.floor(random() * 16 * (lives + 1))
    world.begin(steps)
    const { life } = world
    const clock = createVirtualClock({ wallTimeMs })
    const own: Life = { number: life, clock }
    present = own
    const failures = seededRandom(seed + lives)
    const job = runHere(
      leavesZombies ? pipelineOf(() => own) : everyLifes,
      {
        // Each life may be as wide as it likes: state, splits and transactions move.
        parallelism: 1 + Math.floor(random() * 3),
        stallWatch: false,
        // Metrics are nothing that a snapshot is about.
        settings: { accountIntervalMs: 1_000, hotKeys: false, inletCredits: 2, floatingCredits: 1 },
        supervise: { maxRestarts: 50 },
        restore: 'latest',
        // Where it lies may change from life to life too.
        state: backend === 'both' ? (lives % 2 === 0 ? 'heap' : 'level') : backend,
        checkpoint: {
          directory: 'memory',
          interval,
          timeout: 500,
          tolerableFailures: 1_000,
          retained: 1 + Math.floor(random() * 3),
          ...(mutant.notAligned === true ? { mode: 'at-least-once' } : modeOf(seed, lives)),
          incremental: random() < 0.7,
        },
      },
      {
        clock,
        random,
        pick: seededRandom(seed ^ lives),
        openState: async () => memoryBackend(CACHE_BYTES),
        openStore: async () =>
          forgettingStore(
            world.open(life, () => failures() < 0.02),
            mutant,
          ),
      },
    )
    job.events$.subscribe((event) => {
      if (event.kind === 'RegionRestarting') restarts++
      if (event.kind !== 'SnapshotCompleted') return
      rounds++
      if ((event.overtakenBytes ?? 0) > 0) overtaking++
    })
    const ended = await live(
      job,
      clock,
      () => world.life === life,
      () => zombie?.runNext(),
    )
    if (ended === 'stuck') return outcome(`stuck in life ${lives}`)
    wallTimeMs = clock.wallTime()
    if (ended === 'done') return outcome(judge(world.shown, topology))
    if (ended !== 'died') return outcome(`life ${lives} failed: ${ended.stack}`)
    if (leavesZombies) zombie = clock
    else {
      void job.cancel()
      await settle(clock)
    }
  }
  return outcome(`not done after ${LIVES_MAX} lives`)

  function outcome(verdict: string | null): Outcome {
    return {
      seed,
      verdict,
      crashes: world.crashes,
      diedAt: [...world.diedAt],
      restarts,
      rounds,
      overtaking,
      text: topology.text,
    }
  }
}

const never = (): boolean => false

/** Whether it was called for that row an odd number of times before. */
function everySecondCall(): (row: Row) => boolean {
  const called = new Set<string>()
  return ({ source, n, ways }) => {
    const id = `${source}:${n}:${ways}`
    if (called.delete(id)) return true
    called.add(id)
    return false
  }
}

/** Its splits are handed out one by one, as one before has been read. */
const inTurn = (made: Source<Row>): Source<Row> => ({
  ...made,
  concurrentSplits: false,
  splits: (count) => made.splits(count),
  open: (...args) => made.open(...args),
})
