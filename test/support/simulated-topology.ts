/**
 * Topologies of simulated jobs, one by seed: stages one behind the other, and what counts at their end
 * what has come through.
 */
import type { Clock } from '../../lib/base/clock.js'
import type { Random } from '../../lib/base/random.js'
import type { Sink } from '../../lib/connectors/sink.js'
import type { Source } from '../../lib/connectors/source.js'
import {
  concatMap,
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
import { GIVEN_MAX } from '../../lib/operators/fused-run.js'

/** Sliding windows begin at multiples of the slide. */
export const START_MS = 60_000
export const WINDOW_MS = 30
export const SLIDE_MS = 10
export const GAP_MS = 4

export interface Row {
  readonly source: number
  readonly n: number
  /** Which way it took where there were several. */
  readonly ways: string
  /** By counting stage: the running count of its key. */
  readonly counts: readonly (readonly [stage: number, key: number, count: number])[]
}

const LASTS = ['count', 'window', 'session', 'join'] as const

/** What a topology has of the life that it runs in. */
export interface Ground {
  readonly source: (index: number) => Source<Row>
  readonly sink: Sink<Row>
  readonly after: Clock['after']
  /** The results of this row are to be given the other way round than before: for a mutant. */
  readonly isReversed: (row: Row) => boolean
}

export interface Topology {
  readonly build: (ground: Ground) => Pipeline
  readonly sources: number
  readonly rows: number
  /** Rows shown for each row sent. */
  readonly copies: number
  readonly last: (typeof LASTS)[number]
  readonly keys: number
  readonly text: string
}

/** Fails on some rows, twice at most, wherever they are on their way. */
export class Fault {
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
    return this.#random() < 0.6 ? Math.floor(this.#random() * 120) : Number.POSITIVE_INFINITY
  }
}

/**
 * `hasPairs`: keys are pairs of numbers, which state keeps in another way. `first`: the kind of its first stage, where
 * it is not left to chance.
 */
export function topologyOf(
  random: Random,
  fault: Fault,
  hasPairs: boolean,
  first: Stage | null = null,
): Topology {
  const pick = (n: number) => Math.floor(random() * n)
  const sources = 1 + pick(2)
  const stages = Array.from({ length: 1 + pick(4) }, () => STAGES[pick(STAGES.length)]!)
  if (first !== null) stages[0] = first
  const keys = 1 + pick(7)
  const copies = stages.reduce((n, stage) => n * (DOUBLING.has(stage) ? 2 : 1), 1)
  // Of what is many times as much in the end there is less in the beginning.
  const rows = copies > 2 ? 6 + pick(12) : 10 + pick(24)
  const options = () => ({ parallelism: 1 + pick(3), chain: random() < 0.7 })
  const shapes = stages.map(() => [options(), options()] as const)
  const keying = hasPairs ? byPairs(keys) : byOne(keys)
  const last = random() < 0.5 ? 'count' : LASTS[pick(LASTS.length)]!
  return {
    last,
    keys,
    sources,
    rows,
    copies,
    text: `${sources} sources of ${rows} rows, ${stages.join(' → ')} → ${last}${hasPairs ? ', by pairs' : ''}`,
    build: ({ source, sink, after, isReversed }) =>
      pipeline('simulated', (flow) => {
        const streams = Array.from({ length: sources }, (_, i) =>
          flow.from(source(i)).pipe(timestamps(timeOf, { name: `time ${i}` })),
        )
        // biome-ignore lint/suspicious/noExplicitAny: stages are chosen at run time.
        let stream: any = streams.length === 1 ? streams[0]! : merge(streams[0]!, streams[1]!)
        for (const [at, stage] of stages.entries()) {
          stream = addStage(stream, stage, at, keying, shapes[at]!, after, isReversed)
        }
        const ended = addLast(stream, last, streams[0]!, keying, stages.length)
        ended.pipe(map((row: Row) => fault.pass(row), { name: 'fault' })).to(sink)
      }),
  }
}

/** What is found in the output: rows, or one for each of them that a window or a pair stands for. */
function addLast(
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  stream: any,
  last: Topology['last'],
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  first: any,
  keying: Keying,
  stage: number,
) {
  switch (last) {
    case 'count':
      return stream.pipe(
        keyBy(keying.counted),
        scan(countRow(stage, keying), null as never, { name: 'last count' }),
        map(second),
      )
    case 'window':
      return stream.pipe(
        keyBy(keying.windowed),
        window(sliding(WINDOW_MS, SLIDE_MS)),
        count({ name: 'windows' }),
      )
    case 'session':
      return stream.pipe(
        keyBy(keying.windowed),
        window(session(GAP_MS)),
        count({ name: 'sessions' }),
      )
    case 'join':
      return stream.pipe(
        keyBy(keying.joined),
        join(first.pipe(keyBy(keying.joined)), {
          name: 'pairs',
          retention: 'unbounded',
        }),
        map(leftOf),
      )
  }
}

/** The keys of a row. */
interface Keying {
  readonly counted: (row: Row) => unknown
  /** Stands for that in what is shown. */
  readonly number: (row: Row) => number
  readonly windowed: (row: Row) => unknown
  readonly joined: (row: Row) => unknown
}

/** What operators call, the same for all topologies. */
const same = (row: Row): Row => row
const always = (): boolean => true
const isRow = (row: Row | null): boolean => row !== null
const second = ([, row]: readonly [unknown, Row]): Row => row
const leftOf = ([left]: readonly [Row, Row]): Row => left
const timeOf = (row: Row): number => START_MS + row.n
const idOf = (row: Row): string => `${row.source}:${row.n}`
const byOne = once((keys: number): Keying => {
  const keyOf = (row: Row) => row.n % keys
  return { counted: keyOf, number: keyOf, windowed: keyOf, joined: idOf }
})
/** Of counted rows new ones come all the time. */
const byPairs = once(
  (keys: number): Keying => ({
    counted: ({ n }) => [n % keys, n >> 2],
    number: ({ n }) => (n % keys) + keys * (n >> 2),
    windowed: ({ n }) => [n % keys, 1],
    joined: ({ source, n }) => [source, n],
  }),
)
const goingBy = once((letter: string) => (row: Row) => ({ ...row, ways: row.ways + letter }))
const expandedBy = once(
  (isReversed: Ground['isReversed']) => (row: Row) => expanded(row, isReversed(row)),
)

/** The same result each time for the same argument. */
function once<A, R>(make: (argument: A) => R): (argument: A) => R {
  const made = new Map<A, R>()
  return (argument) => {
    const result = made.get(argument) ?? make(argument)
    made.set(argument, result)
    return result
  }
}

const STAGES = ['map', 'shuffle', 'count', 'diamond', 'async', 'keyed', 'fan', 'expand'] as const
type Stage = (typeof STAGES)[number]
/** Two rows come out for each. */
const DOUBLING: ReadonlySet<Stage> = new Set<Stage>(['diamond', 'fan', 'expand'])
interface Shape {
  readonly parallelism: number
  readonly chain: boolean
}

function addStage(
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  stream: any,
  stage: Stage,
  at: number,
  keying: Keying,
  [one, two]: readonly [Shape, Shape],
  after: Clock['after'],
  isReversed: Ground['isReversed'],
) {
  const name = `${stage} ${at}`
  const way = (letter: string, shape: Shape) =>
    map(goingBy(letter), { name: `${name} ${letter}`, ...shape })
  switch (stage) {
    case 'map':
      return stream.pipe(map(same, { name, ...one }))
    case 'shuffle':
      return stream.pipe(rebalance(), map(same, { name, ...one }))
    case 'count':
      return stream.pipe(
        keyBy(keying.counted),
        scan(countRow(at, keying), null as never, { name }),
        rebalance(),
        map(second, { name: `${name} after`, ...two }),
      )
    case 'diamond':
      // One side is slow, so that its barriers are late.
      return merge(
        stream.pipe(way('l', one)),
        stream.pipe(slow(`${name} slow`, after), way('r', two)),
      )
    case 'async':
      return stream.pipe(slow(name, after))
    case 'keyed':
      return stream.pipe(
        keyBy(keying.counted),
        slow(name, after),
        filter(always, { name: `${name} filter`, ...one }),
      )
    case 'fan':
      return stream.pipe(
        mergeMap(
          async function* (row: Row) {
            yield { ...row, ways: `${row.ways}x` }
            await new Promise<void>((resolve) => after(row.n % 3, resolve))
            yield { ...row, ways: `${row.ways}y` }
          },
          { name, concurrency: 2 },
        ),
      )
    case 'expand': {
      const expand = at % 2 === 0 ? mergeMap : concatMap
      const { parallelism } = one
      return stream.pipe(
        expand(expandedBy(isReversed), { name, ...one }),
        filter(isRow, { name: `${name} kept`, parallelism }),
        // One at a time, so that expansions have to wait in the middle.
        mergeMap(
          (row: Row) =>
            new Promise((resolve) => after(expandsLong(row) ? 4 : 0, () => resolve(row))),
          { name: `${name} slow`, parallelism, concurrency: 1 },
        ),
      )
    }
  }
}

/** More results than are given at a time, where nearly all of them are dropped. */
const MANY = GIVEN_MAX + 100

const expandsLong = ({ n }: Row): boolean => n % 5 === 0

/** Two rows, the first and the last of perhaps many results: a barrier may come in between. */
function expanded(row: Row, isReversed: boolean): readonly (Row | null)[] {
  const results = new Array<Row | null>(expandsLong(row) ? MANY : 2).fill(null)
  results[0] = { ...row, ways: `${row.ways}p` }
  results[results.length - 1] = { ...row, ways: `${row.ways}q` }
  return isReversed ? results.reverse() : results
}

/** Of an operator by that name: it waits for what its function promises, and has no other state. */
export const callsAsync = (name: string): boolean =>
  /^(async|keyed|fan) \d+$|^(diamond|expand) \d+ slow$/.test(name)

/** Each row takes its time. */
const slow = (name: string, after: Clock['after']) =>
  mergeMap(
    (row: Row) => new Promise<Row>((resolve) => after((row.n * 7) % 5, () => resolve(row))),
    { name, concurrency: 3 },
  )

const countRow =
  (stage: number, { number }: Keying) =>
  (before: Row | null, row: Row) => {
    const last = before?.counts.find(([of]) => of === stage)?.[2] ?? 0
    return { ...row, counts: [...row.counts, [stage, number(row), last + 1] as const] }
  }
