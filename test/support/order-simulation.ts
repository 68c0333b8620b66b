/**
 * Whole jobs under a virtual clock that crash at any step and go on at another parallelism, with expansions
 * and calls in order in front of exchanges and behind them. The oracle: what is promised about order. All
 * results of one split and one key come to each keyed operator in the order in which they were made, each
 * once, whatever was in flight, held, or read again; and all of a key come to one state.
 */
import type { CheckpointOptions } from '../../actors/job/open-snapshots.js'
import { runHere } from '../../actors/job/run.js'
import type { Clock } from '../../lib/base/clock.js'
import { type Random, seededRandom } from '../../lib/base/random.js'
import { generate } from '../../lib/connectors/index.js'
import type { Source } from '../../lib/connectors/source.js'
import {
  concatMap,
  distinct,
  filter,
  keyBy,
  map,
  mergeMap,
  type Pipeline,
  pipeline,
  scan,
  timestamps,
} from '../../lib/index.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'
import { CrashingWorld } from './crashing-store.js'
import { memoryBackend } from './level-state.js'
import { settle } from './settle.js'
import { live } from './simulated-life.js'

const LIVES_MAX = 40

interface Row {
  readonly n: number
  /** Which of the results it is, by expansion. */
  readonly path: readonly number[]
  /** Seen behind one that was made later. */
  readonly late: string | null
  /** What number it was of its key at an operator, and what it was then. */
  readonly counted: readonly string[]
}

const BEFORE = ['map', 'filter', 'expand', 'expand', 'calls', 'calls', 'keyed expand'] as const
const BEHIND = ['map', 'expand'] as const
type Stage = (typeof BEFORE)[number]

interface Topology {
  readonly rows: number
  readonly splits: number
  readonly keys: number
  readonly timed: boolean
  /** Splits are read one after another. */
  readonly isInTurn: boolean
  /** Operators in front of the first exchange, and between that and the second; null: there is none. */
  readonly before: readonly Stage[]
  readonly behind: readonly Stage[] | null
  /** Between keyed state at the first exchange and that which is observed, in one chain with both. */
  readonly kept: 'expand' | 'calls' | null
  readonly sizes: readonly number[]
}

function topologyOf(random: Random): Topology {
  const pick = (n: number) => Math.floor(random() * n)
  const some = (stages: readonly Stage[]) =>
    Array.from({ length: 1 + pick(3) }, () => stages[pick(stages.length)]!)
  return {
    rows: 10 + pick(16),
    // Of one, its only reader would deal records out at once.
    splits: 2 + pick(3),
    keys: 1 + pick(4),
    timed: random() < 0.5,
    isInTurn: random() < 0.5,
    before: some(BEFORE),
    behind: random() < 0.4 ? some(BEHIND) : null,
    sizes: random() < 0.5 ? BIG : [1, 2, 3, 0, 10],
    kept: random() < 0.5 ? (random() < 0.5 ? 'expand' : 'calls') : null,
  }
}

/** Only the first expansion gives many. */
const childrenOf =
  ({ sizes }: Topology, at: number) =>
  (row: Row) =>
    Array.from({ length: at > 0 ? row.n % 2 : sizes[(row.n * 5) % sizes.length]! }, (_, i) => ({
      ...row,
      path: [...row.path, i],
    }))

/** Two subtasks have two of them each, of three subtasks each has one at least. */
const KEYS = [5, 0, 3, 1]

/** More than a batch, now and then. */
const BIG = [1, 2, 0, 1100, 1, 1, 3, 1, 2400, 1, 0]

const idOf = ({ n, path }: Row) => [n, ...path].join('.')

const isKept = ({ n }: Row) => n % 5 !== 3

function build(topology: Topology, world: CrashingWorld, life: number, clock: Clock): Pipeline {
  const { rows, splits, keys, timed, before, behind, kept, isInTurn } = topology
  const keyed = keyBy(({ n }: Row) => KEYS[n % keys]!)
  let expansions = 0
  /** Its sender has to wait for it. */
  const slowly = (name: string) =>
    concatMap(
      async (row: Row) => ((row.path.at(-1) ?? 0) % 200 === 0 ? after(clock, 4, row) : row),
      { name },
    )
  // biome-ignore lint/suspicious/noExplicitAny: stages are chosen at run time.
  const add = (stream: any, stage: Stage, name: string) => {
    const at = stage === 'expand' || stage === 'keyed expand' ? expansions++ : 0
    const children = childrenOf(topology, at)
    switch (stage) {
      case 'map':
        return stream.pipe(map((row: Row) => ({ ...row })))
      case 'filter':
        return stream.pipe(filter(isKept))
      case 'expand':
        return stream.pipe(mergeMap(children, { name }))
      case 'keyed expand':
        return stream.pipe(
          keyed,
          mergeMap(
            function* (row: Row) {
              yield* children(row)
            },
            { name },
          ),
        )
      case 'calls':
        return stream.pipe(
          concatMap(async (row: Row) => after(clock, (row.n * 7) % 3, row), { name }),
        )
    }
  }
  return pipeline('in order', (flow) => {
    expansions = 0
    // biome-ignore lint/suspicious/noExplicitAny: see above.
    let stream: any = flow.from(
      inSips(
        generate(rows, (n): Row => ({ n, path: [], late: null, counted: [] }), {
          splits,
          perSecond: 100_000,
        }),
        isInTurn,
      ),
    )
    if (timed) stream = stream.pipe(timestamps(({ n }: Row) => n, { name: 'times' }))
    for (const [at, stage] of before.entries()) stream = add(stream, stage, `before ${at}`)
    stream = stream.pipe(keyed)
    if (kept !== null) {
      stream = stream.pipe(distinct(idOf, { name: 'distinct' }))
      stream = add(stream, kept, 'kept')
    }
    stream = stream.pipe(slowly('slow first'), observed('first', splits, keys))
    if (behind !== null) {
      stream = stream.pipe(map(([, { row }]: readonly [number, Seen]) => row))
      for (const [at, stage] of behind.entries()) stream = add(stream, stage, `behind ${at}`)
      stream = stream.pipe(keyed, slowly('slow second'), observed('second', splits, keys))
    }
    stream
      .pipe(map(([, { row }]: readonly [number, Seen]) => row, { name: 'shown' }))
      .to(world.sink(() => life))
  })
}

const after = <T>(clock: Clock, ms: number, value: T) =>
  new Promise<T>((resolve) => clock.after(ms, () => resolve(value)))

/** Some records at a time: there is always more to read while others are in hand. */
const inSips = (made: Source<Row>, isInTurn: boolean): Source<Row> => ({
  ...made,
  concurrentSplits: !isInTurn,
  splits: (count) => made.splits(count),
  open(split, position, context) {
    const reader = made.open(split, position, context)
    return {
      read: (out, max) => reader.read(out, Math.min(max, 2)),
      position: () => reader.position(),
      close: () => reader.close(),
    }
  },
})

interface Seen {
  readonly row: Row
  /** By split, what came last. */
  readonly last: Readonly<Record<number, readonly number[]>>
  readonly count: number
}

const observed = (where: string, splits: number, keys: number) =>
  scan(
    (before: Seen | null, row: Row): Seen => {
      const split = row.n % splits
      const mark = [row.n, ...row.path]
      const last = before?.last[split]
      const isLate = last !== undefined && compare(mark, last) <= 0
      const late = isLate ? `${mark} behind ${last} at the ${where}` : row.late
      const count = (before?.count ?? 0) + 1
      const counted = [...row.counted, `${where} ${row.n % keys} ${count} ${idOf(row)}`]
      return {
        row: { ...row, late, counted },
        count,
        last: { ...before?.last, [split]: isLate ? last : mark },
      }
    },
    null as never,
    { name: `${where} observer` },
  )

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!
  }
  return a.length - b.length
}

function expected(topology: Topology): number {
  let expansions = 0
  let rows: readonly Row[] = Array.from({ length: topology.rows }, (_, n) => ({
    n,
    path: [],
    late: null,
    counted: [],
  }))
  const { before, kept, behind } = topology
  for (const stage of [...before, ...(kept === null ? [] : [kept]), ...(behind ?? [])]) {
    if (stage === 'filter') rows = rows.filter(isKept)
    if (stage === 'expand' || stage === 'keyed expand') {
      rows = rows.flatMap(childrenOf(topology, expansions++))
    }
  }
  return rows.length
}

function judge(shown: readonly Row[], topology: Topology): string | null {
  const seen = new Set<string>()
  const numbered = new Map<string, string>()
  for (const row of shown) {
    const { late, counted } = row
    if (late !== null) return `out of order: ${late}`
    for (const each of counted) {
      const at = each.lastIndexOf(' ')
      const [number, counting] = [each.slice(0, at), each.slice(at + 1)]
      const other = numbered.get(number) ?? counting
      if (other !== counting) return `${number} is ${other} and ${counting}: its key has two states`
      numbered.set(number, counting)
    }
    const id = idOf(row)
    if (seen.has(id)) return `${id} was shown twice`
    seen.add(id)
  }
  const all = expected(topology)
  return seen.size === all ? null : `${seen.size} of ${all} results were shown`
}

function modeOf(random: Random): Pick<CheckpointOptions, 'mode' | 'alignmentTimeout'> {
  const way = random()
  if (way < 0.2) return { mode: 'aligned', alignmentTimeout: null }
  return way < 0.7
    ? { mode: 'unaligned' }
    : { mode: 'aligned', alignmentTimeout: 1 + Math.floor(random() * 5) }
}

export interface OrderOutcome {
  readonly seed: number
  readonly verdict: string | null
  readonly crashes: number
  /** Lives that went on at another parallelism. */
  readonly rescaled: number
  /** Rounds whose barriers have overtaken something. */
  readonly overtaking: number
  readonly text: string
}

export async function simulateOrder(seed: number): Promise<OrderOutcome> {
  const random = seededRandom(seed)
  const topology = topologyOf(random)
  const world = new CrashingWorld()
  const interval = 2 + Math.floor(random() * 8)
  const backend = random() < 0.7 ? 'heap' : 'level'
  let wallTimeMs = Date.UTC(2024, 0, 1)
  let former = 0
  let rescaled = 0
  let overtaking = 0
  for (let lives = 0; lives < LIVES_MAX; lives++) {
    const isLast = random() < 0.1
    world.begin(isLast ? Number.POSITIVE_INFINITY : Math.floor(random() * 18 * (lives + 1)))
    const { life } = world
    const clock = createVirtualClock({ wallTimeMs })
    const parallelism = 1 + Math.floor(random() * 3)
    if (former !== 0 && parallelism !== former) rescaled++
    former = parallelism
    const job = runHere(
      build(topology, world, life, clock),
      {
        parallelism,
        stallWatch: false,
        settings: { accountIntervalMs: 1_000, hotKeys: false, inletCredits: 2, floatingCredits: 1 },
        restore: 'latest',
        state: backend,
        checkpoint: {
          directory: 'memory',
          interval,
          timeout: 500,
          tolerableFailures: 1_000,
          ...modeOf(random),
        },
      },
      {
        clock,
        random,
        pick: seededRandom(seed ^ lives),
        openState: async () => memoryBackend(1_000),
        openStore: async () => world.open(life, () => false),
      },
    )
    job.events$.subscribe((event) => {
      if (event.kind === 'SnapshotCompleted' && (event.overtakenBytes ?? 0) > 0) overtaking++
    })
    const ended = await live(job, clock, () => world.life === life)
    if (ended === 'stuck') return outcome(`stuck in life ${lives}`)
    wallTimeMs = clock.wallTime()
    if (ended === 'done') return outcome(judge(world.shown as readonly Row[], topology))
    if (ended !== 'died') return outcome(`life ${lives} failed: ${ended.stack}`)
    void job.cancel()
    await settle(clock)
  }
  return outcome(`not done after ${LIVES_MAX} lives`)

  function outcome(verdict: string | null): OrderOutcome {
    const { rows, splits, keys, before, kept, behind } = topology
    const stages = [
      ...before,
      '|',
      ...(kept === null ? [] : [`distinct ${kept} |`]),
      ...(behind ?? []),
    ]
    const text = `${rows} rows in ${splits} splits, ${keys} keys: ${stages.join(' ')}`
    return { seed, verdict, crashes: world.crashes, rescaled, overtaking, text }
  }
}
