/**
 * Whole jobs under a virtual clock, with crashes at every step of the protocol of snapshots. One seed
 * decides the topology, the order of actors, which step is the last of each life, and what fails
 * beside. The oracle accounts for every record: what was shown is what was sent, once, and what each
 * keyed counter said are the numbers 1 to n.
 */
import type { CheckpointOptions } from '../../actors/job/open-snapshots.js'
import { runHere } from '../../actors/job/run.js'
import type { Clock } from '../../lib/base/clock.js'
import { type Random, seededRandom } from '../../lib/base/random.js'
import { generate } from '../../lib/connectors/index.js'
import type { Source } from '../../lib/connectors/source.js'
import {
  count,
  filter,
  join,
  keyBy,
  map,
  merge,
  mergeMap,
  type Pipeline,
  pipeline,
  rebalance,
  scan,
  session,
  sliding,
  timestamps,
  window,
} from '../../lib/index.js'
import type { ChunkStore } from '../../lib/snapshot/chunk-store.js'
import { decodeManifest, encodeManifest } from '../../lib/snapshot/manifest.js'
import { createVirtualClock, type VirtualClock } from '../../lib/testing/virtual-clock.js'
import { CrashingWorld, type Mutation } from './crashing-store.js'
import { memoryBackend } from './level-state.js'

/** Lives after which a seed that makes no progress is called stuck. */
const LIVES_MAX = 40

/** Sliding windows begin at multiples of the slide. */
const START_MS = 60_000
const WINDOW_MS = 30
const SLIDE_MS = 10
const GAP_MS = 4

interface Row {
  readonly source: number
  readonly n: number
  /** Which way it took where there were several. */
  readonly ways: string
  /** By counting stage: the running count of its key. */
  readonly counts: readonly (readonly [stage: number, key: number, count: number])[]
}

export interface Mutant extends Mutation {
  /** Barriers block no channel. */
  readonly notAligned?: boolean
  /** What barriers have overtaken is not in the manifest. */
  readonly losesFlights?: boolean
  /** Sources go on where they were, wherever the snapshot was. */
  readonly noReplay?: boolean
}

/** By seed: in the heap, larger than memory, or now here and now there. */
const BACKENDS = ['heap', 'level', 'both'] as const
/** Fewer entries than are left alone because they were used last. */
const CACHE_BYTES = 1_000

const LASTS = ['count', 'window', 'session', 'join'] as const

interface Topology {
  readonly build: (
    source: (index: number) => Source<Row>,
    sink: CrashingWorld,
    life: number,
    clock: Clock,
  ) => Pipeline
  readonly sources: number
  readonly rows: number
  /** Rows shown for each row sent. */
  readonly copies: number
  readonly last: (typeof LASTS)[number]
  readonly keys: number
  readonly text: string
}

/** Fails on some rows, twice at most, wherever they are on their way. */
class Fault {
  readonly #random: Random
  #left: number

  constructor(random: Random) {
    this.#random = random
    this.#left = this.#next()
  }

  pass(row: Row): Row {
    if (this.#left-- !== 0) return row
    this.#left = this.#next()
    throw new Error('a fault on purpose')
  }

  #next(): number {
    return this.#random() < 0.6 ? Math.floor(this.#random() * 300) : Number.POSITIVE_INFINITY
  }
}

function topologyOf(random: Random, fault: Fault): Topology {
  const pick = (n: number) => Math.floor(random() * n)
  const sources = 1 + pick(2)
  const rows = 30 + pick(70)
  const stages = Array.from({ length: 1 + pick(4) }, () => STAGES[pick(STAGES.length)]!)
  const keys = 1 + pick(7)
  const copies = stages.reduce(
    (n, stage) => n * (stage === 'diamond' || stage === 'fan' ? 2 : 1),
    1,
  )
  const options = () => ({ parallelism: 1 + pick(3), chain: random() < 0.7 })
  const shapes = stages.map(() => [options(), options()] as const)
  const last = random() < 0.5 ? 'count' : LASTS[pick(LASTS.length)]!
  return {
    last,
    keys,
    sources,
    rows,
    copies,
    text: `${sources} sources of ${rows} rows, ${stages.join(' → ')} → ${last}`,
    build: (source, sink, life, clock) =>
      pipeline('simulated', (flow) => {
        const streams = Array.from({ length: sources }, (_, i) =>
          flow
            .from(source(i))
            .pipe(timestamps((row: Row) => START_MS + row.n, { name: `time ${i}` })),
        )
        // biome-ignore lint/suspicious/noExplicitAny: stages are chosen at run time.
        let stream: any = streams.length === 1 ? streams[0]! : merge(streams[0]!, streams[1]!)
        for (const [at, stage] of stages.entries()) {
          stream = addStage(stream, stage, at, keys, shapes[at]!, clock)
        }
        const ended = addLast(stream, last, streams[0]!, keys, stages.length)
        ended.pipe(map((row: Row) => fault.pass(row), { name: 'fault' })).to(sink.sink(life))
      }),
  }
}

/** What is found in the output: rows, or one for each of them that a window or a pair stands for. */
// biome-ignore lint/suspicious/noExplicitAny: see above.
function addLast(stream: any, last: Topology['last'], first: any, keys: number, stage: number) {
  const keyed = keyBy((row: Row) => row.n % keys)
  switch (last) {
    case 'count':
      return stream.pipe(
        keyed,
        scan(countRow(stage, keys), null as never, { name: 'last count' }),
        map(([, row]: readonly [number, Row]) => row),
      )
    case 'window':
      return stream.pipe(keyed, window(sliding(WINDOW_MS, SLIDE_MS)), count({ name: 'windows' }))
    case 'session':
      return stream.pipe(keyed, window(session(GAP_MS)), count({ name: 'sessions' }))
    case 'join':
      return stream.pipe(
        keyBy((row: Row) => `${row.source}:${row.n}`),
        join(first.pipe(keyBy((row: Row) => `${row.source}:${row.n}`)), {
          name: 'pairs',
          retention: 'unbounded',
        }),
        map(([left]: readonly [Row, Row]) => left),
      )
  }
}

const STAGES = ['map', 'shuffle', 'count', 'diamond', 'async', 'keyed', 'fan'] as const
type Stage = (typeof STAGES)[number]
interface Shape {
  readonly parallelism: number
  readonly chain: boolean
}

function addStage(
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  stream: any,
  stage: Stage,
  at: number,
  keys: number,
  [one, two]: readonly [Shape, Shape],
  clock: Clock,
) {
  const name = `${stage} ${at}`
  const way = (letter: string, shape: Shape) =>
    map((row: Row) => ({ ...row, ways: row.ways + letter }), {
      name: `${name} ${letter}`,
      ...shape,
    })
  switch (stage) {
    case 'map':
      return stream.pipe(map((row: Row) => row, { name, ...one }))
    case 'shuffle':
      return stream.pipe(
        rebalance(),
        map((row: Row) => row, { name, ...one }),
      )
    case 'count':
      return stream.pipe(
        keyBy((row: Row) => row.n % keys),
        scan(countRow(at, keys), null as never, { name }),
        rebalance(),
        map(([, row]: [number, Row]) => row, { name: `${name} after`, ...two }),
      )
    case 'diamond':
      // One side is slow, so that its barriers are late.
      return merge(
        stream.pipe(way('l', one)),
        stream.pipe(slow(`${name} slow`, clock), way('r', two)),
      )
    case 'async':
      return stream.pipe(slow(name, clock))
    case 'keyed':
      return stream.pipe(
        keyBy((row: Row) => row.n % keys),
        slow(name, clock),
        filter(() => true, { name: `${name} filter`, ...one }),
      )
    case 'fan':
      return stream.pipe(
        mergeMap(
          async function* (row: Row) {
            yield { ...row, ways: `${row.ways}x` }
            await new Promise<void>((resolve) => clock.after(row.n % 3, resolve))
            yield { ...row, ways: `${row.ways}y` }
          },
          { name, concurrency: 2 },
        ),
      )
  }
}

/** Each row takes its time. */
const slow = (name: string, clock: Clock) =>
  mergeMap(
    (row: Row) => new Promise<Row>((resolve) => clock.after((row.n * 7) % 5, () => resolve(row))),
    { name, concurrency: 3 },
  )

const countRow = (stage: number, keys: number) => (before: Row | null, row: Row) => {
  const last = before?.counts.find(([of]) => of === stage)?.[2] ?? 0
  return { ...row, counts: [...row.counts, [stage, row.n % keys, last + 1] as const] }
}

/** What is wrong with what was shown; null where nothing is. */
function judge(shown: readonly unknown[], topology: Topology): string | null {
  const { last, sources, rows, copies } = topology
  if (last === 'window' || last === 'session') {
    return judgeWindows(shown as readonly WindowResult[], topology)
  }
  // A pair is found for the rows of the first source only.
  const isWhole = last === 'count'
  return judgeRows(shown as readonly Row[], (isWhole ? sources : 1) * rows * copies, isWhole)
}

function judgeRows(shown: readonly Row[], expected: number, isWhole: boolean): string | null {
  const seen = new Map<string, number>()
  const counts = new Map<string, number[]>()
  for (const { source, n, ways, counts: said } of shown) {
    const id = `${source}:${n}:${ways}`
    seen.set(id, (seen.get(id) ?? 0) + 1)
    for (const [stage, key, count] of said) {
      const of = `stage ${stage}, key ${key}`
      const all = counts.get(of) ?? []
      counts.set(of, all)
      all.push(count)
    }
  }
  for (const [id, times] of seen) if (times > 1) return `row ${id} was shown ${times} times`
  if (seen.size !== expected) return `${seen.size} of ${expected} rows were shown`
  for (const [of, all] of counts) {
    const distinct = [...new Set(all)].sort((a, b) => a - b)
    const gap = distinct.findIndex((count, i) => count !== i + 1)
    if (gap >= 0 && isWhole) return `${of}: count ${gap + 1} is missing`
    if (all.length % distinct.length !== 0) return `${of}: a count was given twice`
  }
  return null
}

/** A naive reference: all rows, window by window. */
function judgeWindows(shown: readonly WindowResult[], topology: Topology): string | null {
  const { last, sources, rows, copies, keys } = topology
  const expected = new Map<string, number>()
  const each = sources * copies
  const add = (key: number, start: number, end: number, n: number) => {
    const id = `${key} ${start}–${end}`
    expected.set(id, (expected.get(id) ?? 0) + n)
  }
  for (let key = 0; key < Math.min(keys, rows); key++) {
    const times = Array.from({ length: rows }, (_, n) => n).filter((n) => n % keys === key)
    if (last === 'window') {
      for (const n of times) {
        const newest = Math.floor(n / SLIDE_MS) * SLIDE_MS
        for (let start = newest; start > n - WINDOW_MS; start -= SLIDE_MS) {
          add(key, start, start + WINDOW_MS, each)
        }
      }
    } else if (keys <= GAP_MS) add(key, times[0]!, times.at(-1)! + GAP_MS, each * times.length)
    else for (const n of times) add(key, n, n + GAP_MS, each)
  }
  for (const { key, start, end, value } of shown) {
    const id = `${key} ${start - START_MS}–${end - START_MS}`
    const due = expected.get(id)
    if (due === undefined) return `window ${id} was shown twice, or should not be`
    if (due !== value) return `window ${id} was shown with count ${value}; it has ${due}`
    expected.delete(id)
  }
  const [missing] = expected.keys()
  return missing === undefined ? null : `window ${missing} was not shown`
}

interface WindowResult {
  readonly key: number
  readonly start: number
  readonly end: number
  readonly value: number
}

export interface Outcome {
  readonly seed: number
  readonly verdict: string | null
  readonly crashes: number
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

function withoutFlights(store: ChunkStore, { losesFlights = false }: Mutant): ChunkStore {
  if (!losesFlights) return store
  const forgetting = (bytes: Uint8Array): Uint8Array => {
    const manifest = decodeManifest(bytes, 'a manifest')
    const operators = manifest.operators.map((operator) => ({
      ...operator,
      subtasks: operator.subtasks.map((subtask) => ({ ...subtask, flights: [] })),
    }))
    return encodeManifest({ ...manifest, operators })
  }
  return { ...store, commit: (number, bytes) => store.commit(number, forgetting(bytes)) }
}

export async function simulate(seed: number, mutant: Mutant = {}): Promise<Outcome> {
  const random = seededRandom(seed)
  const fault = new Fault(random)
  const topology = topologyOf(random, fault)
  const world = new CrashingWorld(mutant)
  const oneByOne = random() < 0.5
  const backend = BACKENDS[Math.floor(seed / 3) % BACKENDS.length]!
  const splits = 1 + Math.floor(random() * (oneByOne ? 6 : 3))
  const interval = 3 + Math.floor(random() * 30)
  const positions = new Map<string, number>()
  const source = (index: number): Source<Row> => {
    const made = generate(topology.rows, (n): Row => ({ source: index, n, ways: '', counts: [] }), {
      perSecond: 2_000,
      splits,
    })
    const read = mutant.noReplay === true ? forgetful(made, positions, index) : made
    return oneByOne ? inTurn(read) : read
  }
  // Some of the dead do not know it yet, and go on beside their successor.
  const leavesZombies = random() < 0.2 || mutant.acceptsStale === true
  let zombie: VirtualClock | null = null
  let wallTimeMs = Date.UTC(2024, 0, 1)
  let restarts = 0
  let rounds = 0
  let overtaking = 0
  for (let lives = 0; lives < LIVES_MAX; lives++) {
    // Each life is longer than the one before, so that there is an end.
    const steps =
      random() < 0.15 ? Number.POSITIVE_INFINITY : Math.floor(random() * 20 * (lives + 1))
    world.begin(steps)
    const { life } = world
    const clock = createVirtualClock({ wallTimeMs })
    const failures = seededRandom(seed + lives)
    const job = runHere(
      topology.build(source, world, life, clock),
      {
        // Each life may be as wide as it likes: state, splits and transactions move.
        parallelism: 1 + Math.floor(random() * 3),
        stallWatch: false,
        // Which keys come most often is nothing that a snapshot is about, and is told after every turn.
        settings: { accountIntervalMs: 0, hotKeys: false, inletCredits: 2, floatingCredits: 1 },
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
          withoutFlights(
            world.open(life, () => failures() < 0.02),
            mutant,
          ),
      },
    )
    let ended: 'done' | Error | null = null
    job.events$.subscribe((event) => {
      if (event.kind === 'RegionRestarting') restarts++
      if (event.kind !== 'SnapshotCompleted') return
      rounds++
      if ((event.overtakenBytes ?? 0) > 0) overtaking++
    })
    job.done.then(
      () => {
        ended = 'done'
      },
      (error: Error) => {
        ended = error
      },
    )
    for (let turns = 0; ended === null && world.life === life; turns++) {
      if (turns > 20_000) return outcome(`stuck in life ${lives}`)
      await clock.settle()
      if (ended === null && world.life === life) clock.runNext()
      zombie?.runNext()
    }
    wallTimeMs = clock.wallTime()
    if (ended === 'done') return outcome(judge(world.shown, topology))
    if (ended !== null) return outcome(`life ${lives} failed: ${(ended as Error).stack}`)
    if (leavesZombies) zombie = clock
    else {
      void job.cancel()
      await clock.settle()
    }
  }
  return outcome(`not done after ${LIVES_MAX} lives`)

  function outcome(verdict: string | null): Outcome {
    return {
      seed,
      verdict,
      crashes: world.crashes,
      restarts,
      rounds,
      overtaking,
      text: topology.text,
    }
  }
}

/** Its splits are handed out one by one, as one before has been read. */
const inTurn = (made: Source<Row>): Source<Row> => ({
  ...made,
  concurrentSplits: false,
  splits: (count) => made.splits(count),
  open: (...args) => made.open(...args),
})

/** A source whose position is always that of what was read last, whatever the snapshot says. */
function forgetful(made: Source<Row>, positions: Map<string, number>, index: number): Source<Row> {
  return {
    ...made,
    splits: (count) => made.splits(count),
    open(split, position, context) {
      const id = `${index}/${split.id}`
      const reader = made.open(
        split,
        position === null ? null : (positions.get(id) ?? position),
        context,
      )
      return {
        read: (out, max) => reader.read(out, max),
        close: () => reader.close(),
        position() {
          const at = reader.position()
          if (at !== null) positions.set(id, at as number)
          return at
        },
      }
    },
  }
}

/** By name: one protection taken away. */
export const MUTANTS: Readonly<Record<string, Mutant>> = {
  'alignment off': { notAligned: true },
  'overtaken data dropped': { losesFlights: true },
  'replay off': { noReplay: true },
  'commit before complete': { commitsEarly: true },
  'stale life accepted': { acceptsStale: true },
}
