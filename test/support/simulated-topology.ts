/**
 * Topologies of simulated jobs, one by seed: stages one behind the other, and what counts at their end
 * what has come through.
 */
import type { Clock } from '../../lib/base/clock.js'
import type { Random } from '../../lib/base/random.js'
import type { Sink } from '../../lib/connectors/sink.js'
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

export function topologyOf(random: Random, fault: Fault): Topology {
  const pick = (n: number) => Math.floor(random() * n)
  const sources = 1 + pick(2)
  const stages = Array.from({ length: 1 + pick(4) }, () => STAGES[pick(STAGES.length)]!)
  const keys = 1 + pick(7)
  const copies = stages.reduce(
    (n, stage) => n * (stage === 'diamond' || stage === 'fan' ? 2 : 1),
    1,
  )
  // Of what is many times as much in the end there is less in the beginning.
  const rows = copies > 2 ? 6 + pick(12) : 10 + pick(24)
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
    build: ({ source, sink, after }) =>
      pipeline('simulated', (flow) => {
        const streams = Array.from({ length: sources }, (_, i) =>
          flow
            .from(source(i))
            .pipe(timestamps((row: Row) => START_MS + row.n, { name: `time ${i}` })),
        )
        // biome-ignore lint/suspicious/noExplicitAny: stages are chosen at run time.
        let stream: any = streams.length === 1 ? streams[0]! : merge(streams[0]!, streams[1]!)
        for (const [at, stage] of stages.entries()) {
          stream = addStage(stream, stage, at, keys, shapes[at]!, after)
        }
        const ended = addLast(stream, last, streams[0]!, keys, stages.length)
        ended.pipe(map((row: Row) => fault.pass(row), { name: 'fault' })).to(sink)
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
  after: Clock['after'],
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
        stream.pipe(slow(`${name} slow`, after), way('r', two)),
      )
    case 'async':
      return stream.pipe(slow(name, after))
    case 'keyed':
      return stream.pipe(
        keyBy((row: Row) => row.n % keys),
        slow(name, after),
        filter(() => true, { name: `${name} filter`, ...one }),
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
  }
}

/** Each row takes its time. */
const slow = (name: string, after: Clock['after']) =>
  mergeMap(
    (row: Row) => new Promise<Row>((resolve) => after((row.n * 7) % 5, () => resolve(row))),
    { name, concurrency: 3 },
  )

const countRow = (stage: number, keys: number) => (before: Row | null, row: Row) => {
  const last = before?.counts.find(([of]) => of === stage)?.[2] ?? 0
  return { ...row, counts: [...row.counts, [stage, row.n % keys, last + 1] as const] }
}
