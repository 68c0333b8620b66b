/** Unaligned rounds in front of a chain and behind it: each record lies in one place when they pass. */
import t from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import type { ArrivalLog, ChannelId } from '../../../lib/channel/channel.js'
import { createInlet, type Inlet, type InletOptions } from '../../../lib/channel/inlet.js'
import { createLocalChannel, type LocalChannel } from '../../../lib/channel/local-channel.js'
import { createOutlet } from '../../../lib/channel/outlet.js'
import { mayBeOvertaken, type Partition } from '../../../lib/channel/partition.js'
import { createCreditLedger } from '../../../lib/credit/ledger.js'
import { BARRIER, BATCH, type Barrier, batch, end } from '../../../lib/operators/signal.js'
import type { ReplayedBatch } from '../../../lib/snapshot/restore-flights.js'
import { numbers } from '../../conformance/channel.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed(1)

const aligned = (round: number): Barrier => ({ tag: BARRIER, round, full: false })
const unaligned = (round: number): Barrier => ({ ...aligned(round), unaligned: true })

/** Edge 0 may be overtaken, edge 1 may not. */
const OVERTAKEN = new Set([0])

class World {
  readonly channels: readonly LocalChannel[]
  readonly inlet: Inlet
  /** By channel: records that were logged for the last round; null: no log. */
  readonly logged: (unknown[] | null)[]
  readonly replaysLogged: unknown[] = []
  /** Logs that wait for a barrier. */
  open = 0

  constructor(edges: readonly number[], options: Partial<InletOptions> = {}) {
    const { accounts } = createCreditLedger({ channels: edges.length, exclusive: 3, floating: 0 })
    this.channels = accounts.map((credits, from) =>
      createLocalChannel({ id: { edge: edges[from]!, from, to: 0 }, credits }),
    )
    this.logged = edges.map(() => null)
    this.inlet = createInlet(
      this.channels.map(({ input }) => input),
      {
        ...options,
        overtaken: {
          edges: OVERTAKEN,
          log: (_, id) => this.#log(id),
          logReplays: (_, replays) =>
            void this.replaysLogged.push(...replays.flatMap(({ records }) => records)),
        },
      },
    )
  }

  #log({ from }: ChannelId): ArrivalLog {
    const records: unknown[] = []
    this.logged[from] = records
    this.open++
    return {
      add: (data) => void records.push(...(data as { records: unknown[] }).records),
      end: () => void this.open--,
    }
  }

  take(): unknown {
    const signal = this.inlet.take()
    return signal?.tag === BATCH ? signal.records : signal
  }
}

t.test(
  'the barrier of an unaligned round is next, whatever waits, and that is logged',
  async (t) => {
    const world = new World([0, 0])
    const [a, b] = world.channels
    a!.output.pushBatch(batch(numbers(0, 500)))
    b!.output.pushBatch(batch(numbers(500, 500)))
    t.equal(world.inlet.hurries(), 0)
    a!.output.overtake(unaligned(1))
    t.equal(world.inlet.hurries(), 1)
    t.same(world.take(), unaligned(1))
    t.equal(world.inlet.hurries(), 0, 'once')
    t.same(world.logged, [numbers(0, 500), numbers(500, 500)])
    t.equal(world.open, 1, 'the barrier of the other channel has not come')
    b!.output.pushBatch(batch(numbers(1000, 500)))
    b!.output.overtake(unaligned(1))
    b!.output.pushBatch(batch(numbers(1500, 500)))
    t.equal(world.open, 0)
    t.same(world.logged[1], numbers(500, 1000), 'what came before it, too, and nothing behind it')
    const taken = [world.take(), world.take(), world.take(), world.take()]
    t.same(taken.flat(), [...numbers(0, 1000), ...numbers(1000, 1000)])
    t.equal(world.take(), null, 'late barriers are no news')
  },
)

t.test('a round that was begun is unaligned at once, before any barrier has come', async (t) => {
  const world = new World([0, 0])
  world.channels[0]!.output.signal(end)
  world.inlet.request(unaligned(3))
  t.equal(world.inlet.hurries(), 3)
  t.same(world.take(), unaligned(3))
  t.equal(world.open, 1, 'one that has ended says all that a barrier says')
})

t.test('a channel whose records cannot be dealt out aligns all the same', async (t) => {
  const world = new World([0, 1])
  const [may, must] = world.channels
  may!.output.pushBatch(batch(numbers(0, 500)))
  must!.output.pushBatch(batch(numbers(500, 500)))
  may!.output.overtake(unaligned(1))
  t.equal(world.inlet.hurries(), 0)
  must!.output.signal(unaligned(1))
  t.equal(world.inlet.hurries(), 0, 'it has come, but not in its turn')
  t.same(world.take(), numbers(0, 500))
  t.same(world.take(), numbers(500, 500))
  t.same(world.take(), unaligned(1))
  t.equal(world.logged[1], null)
})

t.test('a round that is hurried leaves what has aligned, and logs the rest', async (t) => {
  const world = new World([0, 0])
  const [early, late] = world.channels
  world.inlet.request(aligned(1))
  early!.output.signal(aligned(1))
  early!.output.pushBatch(batch(numbers(0, 500)))
  late!.output.pushBatch(batch(numbers(500, 500)))
  t.same(world.take(), numbers(500, 500), 'the early one is blocked')
  late!.output.pushBatch(batch(numbers(1000, 500)))
  t.equal(world.inlet.hurries(), 0)
  world.inlet.hurry(1)
  t.equal(world.inlet.hurries(), 1)
  t.same(world.take(), unaligned(1))
  t.same(world.logged, [null, numbers(1000, 500)])
  t.same([world.take(), world.take()].flat(), [...numbers(0, 500), ...numbers(1000, 500)])
})

t.test('a barrier that has aligned and was not taken is hurried too', async (t) => {
  const world = new World([0, 0])
  const [a, b] = world.channels
  a!.output.signal({ tag: 3, active: false })
  a!.output.signal(aligned(2))
  b!.output.signal({ tag: 1, timeMs: 5 })
  world.inlet.request(aligned(2))
  t.same(world.take(), { tag: 1, timeMs: 5 })
  b!.output.signal({ tag: 3, active: false })
  b!.output.signal(end)
  t.same(world.take(), { tag: 3, active: false })
  t.equal(world.inlet.hurries(), 0)
  world.inlet.hurry(2)
  t.equal(world.inlet.hurries(), 2)
  t.same(world.take(), unaligned(2))
})

t.test('a round that was given up logs nothing more', async (t) => {
  const world = new World([0, 0])
  world.inlet.request(unaligned(1))
  world.take()
  world.inlet.abandon(1)
  for (const { output } of world.channels) output.pushBatch(batch(numbers(0, 500)))
  t.same(world.logged, [[], []])
  world.channels[0]!.output.overtake(unaligned(1))
  t.equal(world.inlet.hurries(), 0)
  world.channels[0]!.output.overtake(unaligned(2))
  t.equal(world.inlet.hurries(), 2)
})

t.test(
  'what was in flight is replayed behind the restored watermark, before all else',
  async (t) => {
    const replayed = (from: number): ReplayedBatch => ({
      records: numbers(from, 10),
      keys: null,
      groups: null,
      times: null,
      input: 0,
      deal: 'any',
    })
    const world = new World([0], { timeMs: 77, replays: [replayed(0), replayed(10)] })
    world.channels[0]!.output.pushBatch(batch(numbers(20, 500)))
    t.equal(world.inlet.readable, true)
    t.same(world.take(), { tag: 1, timeMs: 77 })
    t.same(world.take(), numbers(0, 10))
    world.channels[0]!.output.overtake(unaligned(9))
    t.same(world.take(), unaligned(9), 'a barrier may overtake it again')
    t.same(world.replaysLogged, numbers(10, 10))
    t.same(world.logged, [numbers(20, 500)])
    t.same([world.take(), world.take()].flat(), numbers(10, 510))
  },
)

t.test(
  'at any moment, each record is taken before the barrier or logged, and none twice',
  async (t) => {
    for (let seed = SEED; seed < SEED + 300; seed++) {
      const random = seededRandom(seed)
      const pick = (n: number) => Math.floor(random() * n)
      const edges = Array.from({ length: 1 + pick(4) }, () => (random() < 0.7 ? 0 : 1))
      const world = new World(edges)
      const sent = edges.map(() => 0)
      const before: (number | null)[] = edges.map(() => null)
      const held: number[][] = edges.map(() => [])
      const taken: number[] = []
      let hasPassed = false
      let isHurried = false
      const starts = random() < 0.5 ? aligned(1) : unaligned(1)
      const isDone = () => hasPassed && before.every((each) => each !== null)
      for (let step = 0; !isDone() && step < 5_000; step++) {
        const channel = pick(edges.length)
        const { output } = world.channels[channel]!
        const dice = random()
        if (dice < 0.4) {
          if (!output.writable || sent[channel]! > 40_000) continue
          const first = channel * 1e6 + sent[channel]!
          const size = 1 + pick(400)
          output.pushBatch(batch(numbers(first, size)))
          sent[channel]! += size
        } else if (dice < 0.45 && before[channel] === null) {
          before[channel] = sent[channel]!
          if ((starts.unaligned || isHurried) && edges[channel] === 0) {
            held[channel] = output
              .overtake(unaligned(1))
              .flatMap(({ records }) => records as number[])
          } else output.signal(starts)
        } else if (dice < 0.48) {
          world.inlet.request(starts)
          if (random() < 0.3) {
            world.inlet.hurry(1)
            isHurried = true
            for (const [at, { output }] of world.channels.entries()) {
              if (edges[at] !== 0) continue
              held[at]!.push(...output.hurry(1).flatMap(({ records }) => records as number[]))
            }
          }
        } else if (dice < 0.55) output.flush()
        else {
          const signal = world.inlet.take()
          if (signal?.tag === BATCH && !hasPassed) taken.push(...(signal.records as number[]))
          if (signal?.tag === BARRIER) hasPassed = true
        }
      }
      if (!isDone()) return void t.fail(`seed ${seed}: the round does not pass`)
      if (world.open > 0) return void t.fail(`seed ${seed}: a log has not ended`)
      for (const [at, count] of before.entries()) {
        const own = taken.filter((n) => Math.floor(n / 1e6) === at)
        const all = [...own, ...(world.logged[at] ?? []), ...held[at]!]
        const expected = numbers(at * 1e6, count!)
        if (String(all) !== String(expected)) return void t.same(all, expected, `seed ${seed}`)
      }
    }
    t.pass('300 seeds')
  },
)

t.test('only edges whose records can be dealt out anew are overtaken', async (t) => {
  const kinds: readonly Partition['kind'][] = [
    ...(['forward', 'hash', 'rebalance', 'rescale'] as const),
    ...(['shuffle', 'broadcast', 'global', 'custom'] as const),
  ]
  t.same(kinds.filter(mayBeOvertaken), ['hash', 'rebalance', 'shuffle', 'global'])
})

t.test(
  'an outlet says on each edge what a barrier overtook, and keeps its place on the others',
  async (t) => {
    const { channels } = new World([0, 1])
    const outlet = createOutlet(
      channels.map(({ output }, at) => ({
        partition: { kind: 'global' },
        channels: [output],
        overtaken: at === 0,
      })),
    )
    for (let n = 0; n < 4; n++) outlet.write(batch(numbers(n * 1000, 1000)))
    const took: unknown[] = []
    outlet.overtake(unaligned(1), ({ edge }, batches) => {
      took.push([edge, batches.flatMap(({ records }) => records)])
    })
    t.same(took, [[0, numbers(3000, 1000)]])
    t.equal(outlet.holdsBarrier(1), true, 'it waits for credit on the edge that aligns')
    outlet.hurry(1, () => t.fail('nothing is hurried there'))
    channels[1]!.input.take()
    t.equal(outlet.holdsBarrier(1), false)
  },
)
