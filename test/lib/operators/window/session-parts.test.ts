/**
 * Sessions that are folded before the exchange, by several senders whose times drift apart: what they send
 * makes the same sessions as all records at once, whatever comes first. `MILLRACE_SEED=n` repeats a run.
 */
import t from 'tap'
import { type Random, seededRandom } from '../../../../lib/base/random.js'
import {
  type AnyStream,
  aggregate,
  count,
  type Op,
  session,
  window,
} from '../../../../lib/index.js'
import { BATCH, IDLE, type Signal, WATERMARK } from '../../../../lib/operators/signal.js'
import { DueQueue } from '../../../../lib/time/due-queue.js'
import { definitionOf, OperatorHarness } from '../../../support/operator-harness.js'
import { testSeed } from '../../../support/test-seed.js'

const SEED = testSeed()
const RUNS = Number(process.env.RUNS ?? 150)

interface Event {
  readonly key: string
  readonly timeMs: number
  readonly id: number
}

interface Session {
  readonly key: string
  readonly start: number
  readonly end: number
  readonly ids: readonly number[]
}

const ids = aggregate({
  select: ({ id }: Event) => id,
  create: (): readonly number[] => [],
  add: (all: readonly number[], id: number) => [...all, id],
  merge: (a: readonly number[], b: readonly number[]) => [...a, ...b],
})

const sessions = (gap: number, content: unknown) =>
  definitionOf(((stream: AnyStream) =>
    (content as Op<AnyStream, AnyStream>)(
      (window(session(gap)) as unknown as Op<AnyStream, AnyStream>)(stream),
    )) as Op<never, AnyStream>)

/** All at once: sorted by time, cut where the gap is exceeded. */
function defined(events: readonly Event[], gap: number): Session[] {
  const found: { key: string; start: number; end: number; ids: number[] }[] = []
  const open = new Map<string, (typeof found)[0]>()
  for (const { key, timeMs, id } of [...events].sort((a, b) => a.timeMs - b.timeMs)) {
    const last = open.get(key)
    if (last !== undefined && timeMs <= last.end) {
      last.end = timeMs + gap
      last.ids.push(id)
      continue
    }
    const begun = { key, start: timeMs, end: timeMs + gap, ids: [id] }
    open.set(key, begun)
    found.push(begun)
  }
  return inOrder(found)
}

const inOrder = (all: readonly Session[]): Session[] =>
  all
    .map(({ key, start, end, ids }) => ({ key, start, end, ids: [...ids].sort((a, b) => a - b) }))
    .sort((a, b) => a.start - b.start || a.key.localeCompare(b.key))

/**
 * What a sender reads: no record is behind a watermark that was said. All times are even: else a record
 * exactly one gap behind another might come when the session has just spoken.
 */
class Sender {
  readonly harness: OperatorHarness
  readonly #random: Random
  #nowMs = 0
  #watermarkMs = Number.NEGATIVE_INFINITY
  /** Signals that have arrived. */
  taken = 0

  constructor(definition: ReturnType<typeof sessions>, random: Random) {
    this.harness = new OperatorHarness([definition], { keyed: true, half: 'before' })
    this.#random = random
  }

  read(below: (n: number) => number, nextId: () => number): Event[] {
    const earliest = Math.max(0, this.#watermarkMs + 2)
    const events = Array.from({ length: 1 + below(5) }, (): Event => {
      this.#nowMs += 2 * below(3)
      const timeMs = Math.max(earliest, this.#nowMs - 2 * below(this.#random() < 0.3 ? 13 : 2))
      return { key: `k${below(3)}`, timeMs, id: nextId() }
    })
    const keys = events.map(({ key }) => key)
    const times = events.map(({ timeMs }) => timeMs)
    this.harness.batch(events, keys, 0, times)
    this.harness.drain()
    return events
  }

  say(below: (n: number) => number): void {
    this.#watermarkMs = Math.max(this.#watermarkMs, this.#nowMs - 2 * below(8))
    this.harness.watermark(this.#watermarkMs)
    this.harness.drain()
  }

  next(): Signal | undefined {
    return this.harness.output[this.taken]
  }
}

function differs(random: Random): string | null {
  const below = (n: number): number => Math.floor(random() * n)
  const gap = 1 + below(20)
  const definition = sessions(gap, ids)
  const senders = Array.from({ length: 1 + below(3) }, () => new Sender(definition, random))
  const receiver = new OperatorHarness([definition], { keyed: true, half: 'behind' })
  const watermarks = senders.map(() => Number.NEGATIVE_INFINITY)
  const events: Event[] = []
  let watermark = Number.NEGATIVE_INFINITY
  let id = 0

  function arrive(from: number): void {
    const signal = senders[from]!.next()
    if (signal === undefined) return
    senders[from]!.taken++
    if (signal.tag === BATCH) {
      receiver.batch(signal.records, signal.keys, 0, [...signal.times!])
      return
    }
    watermarks[from] = signal.tag === WATERMARK ? signal.timeMs : Number.POSITIVE_INFINITY
    const least = Math.min(...watermarks)
    if (least <= watermark || least === Number.POSITIVE_INFINITY) return
    watermark = least
    receiver.watermark(least)
    receiver.drain()
  }

  for (let step = 0; step < 120; step++) {
    const at = below(senders.length)
    const kind = random()
    if (kind < 0.3) events.push(...senders[at]!.read(below, () => id++))
    else if (kind < 0.5) senders[at]!.say(below)
    else arrive(at)
  }
  for (const [at, sender] of senders.entries()) {
    sender.harness.end()
    sender.harness.drain()
    while (sender.next() !== undefined) arrive(at)
  }
  receiver.end()
  receiver.drain()
  const late = receiver.counter('droppedLate', 0)
  if (late !== 0) return `${late} parts came late`
  const values = receiver.values as unknown as (Omit<Session, 'ids'> & { value: number[] })[]
  const found = inOrder(values.map(({ value, ...span }) => ({ ...span, ids: value })))
  const expected = defined(events, gap)
  const [a, b] = [JSON.stringify(expected), JSON.stringify(found)]
  return a === b ? null : `gap ${gap}: expected ${a}, found ${b}`
}

t.test('parts of sessions from several senders make the sessions of all records', async (t) => {
  const random = seededRandom(SEED)
  for (let run = 0; run < RUNS; run++) {
    const problem = differs(random)
    if (problem === null) continue
    t.fail(`run ${run}, MILLRACE_SEED=${SEED}: ${problem}`)
    return
  }
  t.pass(`MILLRACE_SEED=${SEED}`)
})

const sender = (): OperatorHarness =>
  new OperatorHarness([sessions(10, count())], { keyed: true, half: 'before' })

t.test('a session that goes on sends a part when it begins, and one per gap', async (t) => {
  const harness = sender()
  for (let timeMs = 0; timeMs < 100; timeMs++) {
    harness.batch([timeMs], ['x'], 0, [timeMs])
    harness.watermark(timeMs)
  }
  harness.end()
  const parts = harness.values as { end: number; value: number }[]
  t.equal(
    parts.reduce((sum, { value }) => sum + value, 0),
    100,
  )
  t.same(parts[0], { end: 10, value: 1 }, 'at the first watermark')
  t.equal(parts.at(-1)!.end, 109)
  t.ok(parts.length <= 13, `${parts.length} parts`)
})

t.test('nothing is held beyond a barrier, idleness, or the end', async (t) => {
  for (const [name, mark] of [
    ['barrier', (harness: OperatorHarness) => harness.barrier(1)],
    ['idle', (harness: OperatorHarness) => harness.idle(false)],
    ['end', (harness: OperatorHarness) => harness.end()],
  ] as const) {
    const harness = sender()
    harness.batch([1, 2], ['x', 'x'], 0, [1, 2])
    harness.watermark(2)
    harness.batch([3, 4], ['x', 'x'], 0, [3, 4])
    t.same(harness.values, [{ end: 12, value: 2 }], 'held')
    mark(harness)
    t.same(harness.values.slice(1), [{ end: 14, value: 2 }], name)
    t.same(harness.times, [1, 3], name)
    t.ok(harness.output.at(-1)?.tag !== BATCH, name)
  }
})

t.test('where keys do not repeat records pass unfolded', async (t) => {
  const harness = sender()
  for (let at = 0; at < 30_000; at += 1_000) {
    const keys = Array.from({ length: 1_000 }, (_, i) => at + i)
    harness.batch(keys, keys, 0, new Array(1_000).fill(5))
    harness.drain()
  }
  t.ok(harness.values.length >= 29_000, `${harness.values.length} sent before any watermark`)
  harness.end()
  harness.drain()
  t.equal(harness.values.length, 30_000)
})

t.test(
  'a record that is late by itself is sent at once, for the half behind to judge',
  async (t) => {
    const harness = sender()
    harness.watermark(50)
    harness.batch([1, 2], ['x', 'y'], 0, [5, 60])
    t.same(harness.values, [{ end: 15, value: 1 }])
    t.equal(harness.output.filter(({ tag }) => tag === IDLE).length, 0)
  },
)

t.test(
  'a key with a session far ahead has no more places in the queue for those before it',
  async (t) => {
    const { push, takeDue } = DueQueue.prototype
    let [held, most] = [0, 0]
    DueQueue.prototype.push = function (entry) {
      most = Math.max(most, ++held)
      push.call(this, entry)
    }
    DueQueue.prototype.takeDue = function (timeMs) {
      const taken = takeDue.call(this, timeMs)
      if (taken !== null) held--
      return taken
    }
    t.teardown(() => Object.assign(DueQueue.prototype, { push, takeDue }))
    const harness = new OperatorHarness([sessions(10, count())], { keyed: true, half: 'whole' })
    const record = (timeMs: number) =>
      harness.batch([{ key: 'a', timeMs, id: 0 }], ['a'], 0, [timeMs])
    record(1e9)
    for (let i = 0; i < 300; i++) {
      record(i * 100)
      harness.watermark(i * 100 + 50)
      harness.drain()
    }
    harness.end()
    harness.drain()
    t.equal(harness.values.length, 301)
    t.equal(most, 2)
    t.same(harness.broken, [])
  },
)
