/** Alignment, in every order in which channels can be read. */
import t from 'tap'
import { BarrierAlignment } from '../../../lib/snapshot/barrier-alignment.js'

/** `r`: a record; a number: the barrier of that round. */
type Entry = 'r' | 'end' | number

const WHOLE: readonly Entry[] = ['r', 1, 'r', 2, 'r', 'end']
const SHORT: readonly Entry[] = ['r', 1, 'r', 'end']
const NONE: readonly Entry[] = ['r', 'end']
const BARE: readonly Entry[] = [1, 2, 'end']

const CASES: readonly (readonly (readonly Entry[])[])[] = [
  ...[WHOLE, SHORT, NONE].flatMap((a) => [WHOLE, SHORT, NONE].map((b) => [a, b])),
  [BARE, BARE, BARE],
  [BARE, ['end'], BARE],
  [WHOLE, [1, 'end'], ['end']],
]

class Reading {
  readonly passed: number[] = []
  readonly taken: string[] = []
  readonly #channels: readonly (readonly Entry[])[]
  readonly #at: number[]
  readonly #alignment: BarrierAlignment

  constructor(channels: readonly (readonly Entry[])[], exactly: boolean) {
    this.#channels = channels
    this.#at = channels.map(() => 0)
    this.#alignment = new BarrierAlignment(channels.length, exactly)
  }

  /** Channels that can be read. */
  get open(): readonly number[] {
    return this.#channels.flatMap((entries, channel) =>
      this.#at[channel]! < entries.length && !this.#alignment.isBlocked(channel) ? [channel] : [],
    )
  }

  get isOver(): boolean {
    return this.#channels.every((entries, channel) => this.#at[channel] === entries.length)
  }

  take(channel: number): void {
    const before = this.#channels[channel]!.slice(0, this.#at[channel])
    const entry = this.#channels[channel]![this.#at[channel]!++]!
    const { round } = this.#alignment
    if (entry === 'r') {
      const own = before.filter((each) => typeof each === 'number').length
      this.taken.push(own === this.passed.length ? 'right' : 'overtaking')
    } else if (entry === 'end') {
      if (this.#alignment.end(channel)) this.passed.push(round)
    } else if (this.#alignment.barrier(channel, entry)) this.passed.push(entry)
  }
}

/** Every way of reading them to their ends. */
function* readings(channels: readonly (readonly Entry[])[], exactly: boolean): Generator<Reading> {
  const ways: (readonly number[])[] = [[]]
  for (let way = ways.pop(); way !== undefined; way = ways.pop()) {
    const reading = new Reading(channels, exactly)
    for (const channel of way) reading.take(channel)
    const { open } = reading
    if (open.length === 0) yield reading
    for (const channel of open) ways.push([...way, channel])
  }
}

t.test('holds records behind a barrier until every channel has aligned or ended', async (t) => {
  let ways = 0
  for (const channels of CASES) {
    const last = Math.max(0, ...channels.flat().filter((entry) => typeof entry === 'number'))
    const rounds = Array.from({ length: last }, (_, i) => i + 1)
    for (const { isOver, passed, taken } of readings(channels, true)) {
      ways++
      if (!isOver) return void t.fail(`${JSON.stringify(channels)}: blocked for ever`)
      if (taken.includes('overtaking')) return void t.fail(`${JSON.stringify(channels)}: overtaken`)
      if (String(passed) !== String(rounds)) t.same(passed, rounds, JSON.stringify(channels))
    }
  }
  t.ok(ways > 500, `${ways} ways of reading`)
})

t.test('at least once blocks nothing, and passes each round once', async (t) => {
  let overtaking = 0
  for (const { isOver, passed, taken } of readings([WHOLE, WHOLE], false)) {
    if (!isOver) return void t.fail('blocked')
    if (new Set(passed).size !== passed.length) return void t.fail(`passed ${passed}`)
    if (taken.includes('overtaking')) overtaking++
  }
  t.ok(overtaking > 0, 'a record behind a barrier was taken before it had passed')
})

t.test('a round that was given up blocks nobody, and its late barriers are no news', async (t) => {
  const alignment = new BarrierAlignment(2)
  t.equal(alignment.barrier(0, 1), false)
  t.equal(alignment.isBlocked(0), true)
  alignment.abandon(1)
  t.equal(alignment.isBlocked(0), false)
  t.equal(alignment.barrier(1, 1), false)
  t.equal(alignment.isBlocked(1), false)
  alignment.barrier(1, 2)
  t.equal(alignment.barrier(0, 2), true)
})

t.test(
  'a subtask whose senders have all ended takes part when it is told of the round',
  async (t) => {
    const alignment = new BarrierAlignment(2)
    alignment.end(0)
    alignment.end(1)
    t.equal(alignment.request(1), true)
    t.equal(alignment.request(1), false, 'once')
  },
)
