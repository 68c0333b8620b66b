/**
 * What every channel must hold, in-thread or over a link, as a function of a factory.
 */
import type { Test } from 'tap'
import { seededRandom } from '../../lib/base/random.js'
import type { ArrivalLog, InputChannel, OutputChannel } from '../../lib/channel/channel.js'
import {
  BARRIER,
  BATCH,
  BATCH_RECORDS_MAX,
  type Barrier,
  type Batch,
  batch,
  end,
} from '../../lib/operators/signal.js'
import { BatchDecoder } from '../../lib/wire/decoder.js'

export interface ChannelPair {
  readonly output: OutputChannel
  readonly input: InputChannel
  /** Brings everything that is on its way to where it goes. */
  settle(): void
}

export interface ChannelSettings {
  readonly exclusive: number
  readonly floating: number
}

export type OpenChannel = (settings: ChannelSettings) => ChannelPair

export const numbers = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from + i)

/** Everything that can be taken now, batches as their records. */
export function takeAll({ input, settle }: ChannelPair): unknown[] {
  const taken: unknown[] = []
  settle()
  for (let signal = input.take(); signal !== null; signal = input.take()) {
    taken.push(signal.tag === BATCH ? signal.records : signal)
    settle()
  }
  return taken
}

const recordsOf = (taken: unknown[]): unknown[] =>
  taken.filter((entry): entry is unknown[] => Array.isArray(entry)).flat()

/** Keeps the records that are logged, as a snapshot would. */
class LoggedRecords implements ArrivalLog {
  readonly records: unknown[] = []
  hasEnded = false
  readonly #decoder = new BatchDecoder()

  add(data: Batch | ArrayBuffer): void {
    const logged = data instanceof ArrayBuffer ? this.#decoder.decode(data) : data
    if (logged !== null) this.records.push(...logged.records)
  }

  end(): void {
    this.hasEnded = true
  }
}

const barrierOf = (round: number): Barrier => ({
  tag: BARRIER,
  round,
  full: false,
  unaligned: true,
})

export function testChannel(t: Test, name: string, open: OpenChannel): void {
  const law = (
    what: string,
    settings: ChannelSettings,
    test: (t: Test, pair: ChannelPair) => void,
  ): void => {
    t.test(`${name} ${what}`, async (t) => test(t, open(settings)))
  }
  const two = { exclusive: 2, floating: 0 }

  law('brings records once, in order, with their keys, groups and times', two, (t, pair) => {
    const { output } = pair
    for (const n of numbers(0, 10)) output.push(n, `key${n}`, n * 2, n * 1.5)
    t.equal(output.flushed, false)
    t.equal(output.held, 10)
    pair.settle()
    t.equal(pair.input.readable, false, 'an unfinished batch waits for flush')
    output.flush()
    pair.settle()
    t.equal(output.flushed, true)
    const taken = pair.input.take() as Batch
    t.same(taken.records, numbers(0, 10))
    t.same(
      taken.keys,
      numbers(0, 10).map((n) => `key${n}`),
    )
    t.ok(taken.groups instanceof Uint16Array)
    t.same(
      [...taken.groups!],
      numbers(0, 10).map((n) => n * 2),
    )
    t.same(
      [...taken.times!],
      numbers(0, 10).map((n) => n * 1.5),
    )
    t.equal(pair.input.sequence, 1)
    t.equal(pair.input.take(), null)
  })

  law('cuts what is pushed at BATCH_RECORDS_MAX', two, (t, pair) => {
    for (const n of numbers(0, BATCH_RECORDS_MAX + 1)) pair.output.push(n, undefined, -1)
    pair.output.flush()
    const taken = takeAll(pair) as unknown[][]
    t.ok(taken.every((records) => records.length <= BATCH_RECORDS_MAX))
    t.same(recordsOf(taken), numbers(0, BATCH_RECORDS_MAX + 1))
  })

  law('sends what was pushed before a batch ahead of it', two, (t, pair) => {
    pair.output.push(0, undefined, -1)
    pair.output.pushBatch(batch(numbers(1, 1000)))
    pair.output.flush()
    t.same(recordsOf(takeAll(pair)), numbers(0, 1001))
  })

  law('collects small batches', { exclusive: 1, floating: 0 }, (t, pair) => {
    for (const n of numbers(0, 50)) pair.output.pushBatch(batch([n]))
    pair.output.pushBatch(batch([50], ['a']))
    pair.output.pushBatch(batch([51], ['a'], null, Float64Array.of(7)))
    pair.output.flush()
    const taken = takeAll(pair)
    t.equal(taken.length, 3, 'what has keys or times does not mix with what has none')
    t.same(recordsOf(taken), numbers(0, 52))
  })

  law('without credit holds one batch, is not writable, and says when it is', two, (t, pair) => {
    const { output } = pair
    let writable = 0
    output.onWritable = () => {
      writable += 1
    }
    for (const b of [0, 1, 2]) {
      t.equal(output.writable, true)
      output.pushBatch(batch(numbers(b * 1000, 1000)))
    }
    pair.settle()
    t.equal(output.writable, false)
    t.equal(output.held, 1000)
    t.equal(pair.input.held, 2, 'no more than the credits allow has arrived')
    pair.input.take()
    pair.settle()
    t.equal(output.writable, true)
    t.equal(writable, 1)
    output.pushBatch(batch(numbers(3000, 1000)))
    output.pushBatch(batch(numbers(4000, 1000)))
    t.throws(() => output.pushBatch(batch(numbers(5000, 1000))), /holds one unfinished unit/)
  })

  law('keeps collecting while there is no credit, and flushes with the next', two, (t, pair) => {
    const { output } = pair
    output.pushBatch(batch(numbers(0, 1000)))
    output.pushBatch(batch(numbers(1000, 1000)))
    output.push(2000, undefined, -1)
    t.equal(output.flushed, false)
    output.flush()
    t.equal(output.flushed, true, 'the rest is up to the receiver')
    output.push(2001, undefined, -1)
    t.equal(output.writable, true)
    t.same(recordsOf(takeAll(pair)), numbers(0, 2002))
    t.equal(output.flushed, true)
  })

  law('never holds more than its credits in the inlet, whatever is written', two, (t, pair) => {
    const { output, input } = pair
    let next = 0
    let most = 0
    const taken: unknown[] = []
    while (taken.length < 50_000) {
      while (output.writable) {
        output.pushBatch(batch(numbers(next, 1000)))
        next += 1000
      }
      pair.settle()
      most = Math.max(most, input.held)
      t.ok(output.held < 2 * BATCH_RECORDS_MAX)
      taken.push(...(input.take() as Batch).records)
    }
    t.ok(most <= 2, `${most} batches waited`)
    t.same(taken, numbers(0, taken.length))
  })

  law('lends floating credits to a backlog', { exclusive: 1, floating: 3 }, (t, pair) => {
    const { output, input } = pair
    let most = 0
    for (let round = 0; round < 20; round++) {
      while (output.writable) output.pushBatch(batch(numbers(0, 1000)))
      pair.settle()
      most = Math.max(most, input.held)
      if (round % 2 === 1) input.take()
    }
    t.ok(most > 1 && most <= 4, `${most} of 1 + 3 credits were in use`)
  })

  law('keeps signals in their place among data, without credit', two, (t, pair) => {
    const { output } = pair
    output.signal({ tag: 1, timeMs: 5 })
    output.push('a', undefined, -1)
    output.signal({ tag: 2, round: 1, full: false })
    output.push('b', undefined, -1)
    output.signal({ tag: 3, active: false })
    output.push('c', undefined, -1)
    output.signal(end)
    t.equal(output.writable, false)
    t.same(takeAll(pair), [
      { tag: 1, timeMs: 5 },
      ['a'],
      { tag: 2, round: 1, full: false },
      ['b'],
      { tag: 3, active: false },
      ['c'],
      { tag: 4 },
    ])
  })

  law('keeps one watermark and one idleness of those that wait together', two, (t, pair) => {
    const { output } = pair
    for (let time = 0; time < 1000; time++) {
      output.signal({ tag: 1, timeMs: time })
      output.signal({ tag: 3, active: time % 2 === 0 })
    }
    output.signal({ tag: 2, round: 1, full: false })
    output.signal({ tag: 1, timeMs: 2000 })
    output.flush()
    t.same(takeAll(pair), [
      { tag: 1, timeMs: 999 },
      { tag: 3, active: false },
      { tag: 2, round: 1, full: false },
      { tag: 1, timeMs: 2000 },
    ])
    t.equal(output.flushed, true)
  })

  law('at an unaligned barrier, each record is taken, in flight, or held', two, (t, first) => {
    const LARGE = 'x'.repeat(200_000)
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed)
      const pair = seed === 1 ? first : open(two)
      const { output, input } = pair
      const taken: unknown[] = []
      let next = 0
      const act = (steps: number) => {
        for (let step = 0; step < steps; step++) {
          const dice = random()
          if (dice < 0.5 && output.writable) {
            const size = 1 + Math.floor(random() * 300)
            output.pushBatch(batch(numbers(next, size)))
            next += size
          } else if (dice < 0.6 && output.writable) {
            output.push(random() < 0.3 ? `${next}${LARGE}` : next, undefined, -1)
            next += 1
          } else if (dice < 0.7) output.flush()
          else if (dice < 0.85) pair.settle()
          else {
            const signal = input.take()
            if (signal?.tag === BATCH) taken.push(...signal.records)
          }
        }
      }
      act(Math.floor(random() * 60))
      const early = random() < 0.5
      const log = new LoggedRecords()
      let before = taken.length
      if (early) {
        input.log(1, log)
        act(Math.floor(random() * 20))
      }
      let told: Barrier | null = null
      input.onBarrier = (barrier) => {
        told = barrier
      }
      const sent = next
      const held = output.overtake(barrierOf(1)).flatMap(({ records }) => records)
      pair.settle()
      t.same(told, barrierOf(1), 'the receiver is told at once')
      if (!early) {
        before = taken.length
        input.log(1, log)
      }
      const plain = (records: readonly unknown[]) =>
        records.map((record) => (typeof record === 'string' ? Number.parseInt(record, 10) : record))
      const all = [...taken.slice(0, before), ...log.records, ...held]
      t.equal(log.hasEnded, true, 'the barrier has come')
      t.same(plain(all), numbers(0, sent), `seed ${seed}: each once, in order`)
      // What was overtaken follows all the same.
      for (let last = -1; last !== taken.length; ) {
        last = taken.length
        output.flush()
        taken.push(...recordsOf(takeAll(pair)))
      }
      t.same(plain(taken), numbers(0, next), `seed ${seed}: nothing is lost`)
    }
  })

  law('a barrier that waits behind data goes ahead of it when hurried', two, (t, pair) => {
    const { output, input } = pair
    for (const b of [0, 1, 2]) output.pushBatch(batch(numbers(b * 1000, 1000)))
    output.signal({ tag: 2, round: 4, full: false })
    pair.settle()
    t.equal(output.holdsBarrier(4), true)
    const log = new LoggedRecords()
    input.log(4, log)
    t.equal(log.hasEnded, false)
    const held = output.hurry(4)
    pair.settle()
    t.same(
      held.flatMap(({ records }) => records),
      numbers(2000, 1000),
    )
    t.equal(output.holdsBarrier(4), false)
    t.equal(log.hasEnded, true)
    t.same(log.records, numbers(0, 2000))
    t.same(output.hurry(4), [], 'once')
    t.same(recordsOf(takeAll(pair)), numbers(0, 3000))
  })

  law('logs what comes before an end, and nothing behind a barrier', two, (t, pair) => {
    const { output, input } = pair
    const log = new LoggedRecords()
    output.pushBatch(batch(numbers(0, 1000)))
    output.signal({ tag: 2, round: 1, full: false })
    output.pushBatch(batch(numbers(1000, 1000)))
    pair.settle()
    input.log(1, log)
    t.same(log.records, numbers(0, 1000))
    t.equal(log.hasEnded, true)
    const next = new LoggedRecords()
    input.log(2, next)
    output.signal(end)
    pair.settle()
    t.same(next.records, numbers(0, 2000), 'a barrier of a former round is passed over')
    t.equal(next.hasEnded, true)
    const dropped = new LoggedRecords()
    input.log(3, dropped)
    input.unlog()
    t.equal(dropped.hasEnded, true, 'the end has come long ago')
  })

  law('cancelled, ends the log with what was there', two, (t, pair) => {
    const { output, input } = pair
    const log = new LoggedRecords()
    output.pushBatch(batch(numbers(0, 1000)))
    pair.settle()
    input.log(1, log)
    input.cancel()
    t.same(log.records, numbers(0, 1000))
    t.equal(log.hasEnded, true)
  })

  law(
    'flooded, takes what a barrier flushes, and is as tight as ever behind it',
    two,
    (t, pair) => {
      const { output } = pair
      for (const b of [0, 1, 2]) output.pushBatch(batch(numbers(b * 1000, 1000)))
      output.flooded = true
      for (const b of [3, 4, 5]) output.pushBatch(batch(numbers(b * 1000, 1000)))
      const held = output.overtake(barrierOf(1)).flatMap(({ records }) => records)
      output.flooded = false
      t.same(held, numbers(2000, 4000))
      t.equal(output.writable, false)
      output.signal({ tag: 1, timeMs: 1 })
      t.same(recordsOf(takeAll(pair)), numbers(0, 6000))
      t.equal(output.writable, true)
      for (const b of [0, 1, 2, 3]) output.pushBatch(batch(numbers(b * 1000, 1000)))
      t.throws(() => output.pushBatch(batch(numbers(5000, 1000))), /holds one unfinished unit/)
    },
  )

  law('cancelled, drops what waits and takes nothing but the end', two, (t, pair) => {
    const { output, input } = pair
    let told = 0
    output.onWritable = () => {
      told += 1
    }
    for (const b of [0, 1, 2]) output.pushBatch(batch(numbers(b * 1000, 1000)))
    output.push('more', undefined, -1)
    pair.settle()
    input.cancel()
    pair.settle()
    t.equal(output.cancelled, true)
    t.equal(told, 1)
    t.equal(output.held, 0)
    t.equal(output.writable, true)
    output.pushBatch(batch(numbers(0, 1000)))
    output.push(1, undefined, -1)
    output.signal({ tag: 1, timeMs: 1 })
    output.signal(end)
    t.same(takeAll(pair), [end])
  })

  law('cancelled with its end on the way, still gives out the end', two, (t, pair) => {
    const { output, input } = pair
    for (const b of [0, 1, 2]) output.pushBatch(batch(numbers(b * 1000, 1000)))
    output.signal(end)
    input.cancel()
    t.same(takeAll(pair), [end])
  })

  law('tells its reader when something has come', two, (t, pair) => {
    let told = 0
    pair.input.onReadable = () => {
      told += 1
    }
    pair.output.push(1, undefined, -1)
    pair.settle()
    t.equal(told, 0)
    pair.output.flush()
    pair.settle()
    t.equal(told, 1)
    t.equal(pair.input.readable, true)
    pair.input.take()
    t.equal(pair.input.readable, false)
    pair.output.signal(end)
    pair.settle()
    t.equal(told, 2)
  })

  law('closed on one side, is silent', two, (t, pair) => {
    const { output, input } = pair
    output.push(1, undefined, -1)
    output.close()
    output.close()
    output.push(2, undefined, -1)
    output.flush()
    output.signal(end)
    pair.settle()
    t.equal(output.flushed, true)
    t.equal(input.take(), null)
    input.close()
    input.close()
    t.equal(input.readable, false)
  })
}
