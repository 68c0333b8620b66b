/**
 * Channels between two simulated slots: one seed decides the order of every write, flush, delivery,
 * poll and take. Checked from outside, by numbers that the records carry.
 */
import t from 'tap'
import { type Random, seededRandom } from '../../lib/base/random.js'
import { createInlet, type Inlet } from '../../lib/channel/inlet.js'
import { createLinkRouter, type LinkRouter } from '../../lib/channel/link-router.js'
import { createOutlet, type Outlet } from '../../lib/channel/outlet.js'
import { createCreditLedger } from '../../lib/credit/ledger.js'
import { BATCH, batch, END, end, WATERMARK } from '../../lib/operators/signal.js'
import { createLoopback } from '../../lib/transport/loopback.js'
import { type FaultPlan, SlowWire, settle } from '../support/faulty-wire.js'
import { testSeed } from '../support/test-seed.js'

const SEED = testSeed(1)

const SENDERS = 3
const RECORDS = 600
const EXCLUSIVE = 2
const FLOATING = 3

interface Row {
  readonly sender: number
  readonly n: number
}

/** One sending subtask: rows 0, 1, 2 …, a watermark now and then that names the last one. */
class Sender {
  readonly outlet: Outlet
  readonly #number: number
  readonly #random: Random
  #next = 0
  #ended = false

  constructor(number: number, outlet: Outlet, random: Random) {
    this.#number = number
    this.outlet = outlet
    this.#random = random
  }

  turn(): void {
    if (this.#ended || !this.outlet.writable) return
    if (this.#random() < 0.2) this.outlet.flush()
    else if (this.#next === RECORDS) {
      this.#ended = true
      this.outlet.signal(end)
    } else if (this.#random() < 0.15 && this.#next > 0) {
      this.outlet.signal({ tag: WATERMARK, timeMs: this.#next - 1 })
    } else this.#write()
  }

  #write(): void {
    const size = Math.min(RECORDS - this.#next, 1 + Math.floor(this.#random() ** 3 * 300))
    const rows = Array.from({ length: size }, (_, i) => ({
      sender: this.#number,
      n: this.#next + i,
    }))
    this.#next += size
    this.outlet.write(batch(rows))
  }
}

/** The receiving subtask, which believes nothing. */
class Checker {
  ended = false
  /** By sender: the row that is due. */
  readonly next: number[]
  #timeMs = -Infinity
  readonly #inlet: Inlet

  constructor(inlet: Inlet, senders: number) {
    this.#inlet = inlet
    this.next = new Array(senders).fill(0)
  }

  turn(): void {
    const signal = this.#inlet.take()
    if (signal === null) return
    if (this.ended) throw new Error('something came after the end')
    if (signal.tag === BATCH) this.#onRows(signal.records as Row[])
    else if (signal.tag === END) this.ended = true
    else if (signal.tag === WATERMARK) this.#onWatermark(signal.timeMs)
  }

  #onRows(rows: readonly Row[]): void {
    for (const { sender, n } of rows) {
      if (n !== this.next[sender]) {
        throw new Error(`sender ${sender}: row ${n} came where ${this.next[sender]} was due`)
      }
      if (n <= this.#timeMs) throw new Error(`row ${n} came after watermark ${this.#timeMs}`)
      this.next[sender] = n + 1
    }
  }

  #onWatermark(timeMs: number): void {
    if (timeMs <= this.#timeMs) throw new Error('a watermark went back')
    this.#timeMs = timeMs
  }
}

class Simulation {
  readonly checker: Checker
  readonly failures: Error[] = []
  /** Most batches in the inlet, ever. */
  held = 0
  readonly wires: readonly [SlowWire, SlowWire]
  readonly #random: Random
  readonly #routers: readonly [LinkRouter, LinkRouter]
  readonly #senders: readonly Sender[]
  readonly #inlet: Inlet

  constructor(
    seed: number,
    senders: number,
    faults: readonly [there: FaultPlan | null, back: FaultPlan | null] = [null, null],
  ) {
    this.#random = seededRandom(seed)
    this.wires = [new SlowWire(faults[0]), new SlowWire(faults[1])]
    const links = createLoopback({ carry: [this.wires[0].carry, this.wires[1].carry] })
    this.#routers = [createLinkRouter(), createLinkRouter()]
    this.#routers[0].attach(links[0], { session: 1 })
    this.#routers[1].attach(links[1], { session: 1 })
    const { accounts } = createCreditLedger({
      channels: senders,
      exclusive: EXCLUSIVE,
      floating: FLOATING,
    })
    const channel = (from: number) => ({ id: { edge: 0, from, to: 0 }, attempt: 1 })
    this.#inlet = createInlet(
      accounts.map((credits, from) =>
        this.#routers[1].openInput({ ...channel(from), peer: 'left', credits }),
      ),
    )
    this.#senders = accounts.map((_, from) => {
      const output = this.#routers[0].openOutput({
        ...channel(from),
        peer: 'right',
        exclusive: EXCLUSIVE,
        operator: 'rows',
      })
      const outlet = createOutlet([{ partition: { kind: 'forward' }, channels: [output] }])
      outlet.onFailure = (error) => this.failures.push(error)
      return new Sender(from, outlet, this.#random)
    })
    this.#inlet.onFailure = (error) => this.failures.push(error)
    this.checker = new Checker(this.#inlet, senders)
  }

  /** Runs until the end came, something failed, or nothing more happens. */
  run(): this {
    for (let turn = 0; turn < 30_000; turn++) {
      if (this.checker.ended || this.failures.length > 0) return this
      this.#step()
      this.held = Math.max(this.held, this.#inlet.held)
    }
    settle(this.wires, this.#random)
    return this
  }

  #step(): void {
    const choice = Math.floor(this.#random() * 6)
    if (choice === 0) this.#senders[Math.floor(this.#random() * this.#senders.length)]!.turn()
    else if (choice === 1) this.wires[0].move()
    else if (choice === 2) this.wires[1].move()
    else if (choice === 3) this.#routers[0].poll()
    else if (choice === 4) this.#routers[1].poll()
    else this.checker.turn()
  }
}

t.test('every record arrives once, in order, behind no watermark that passed it', async (t) => {
  for (let run = 0; run < 60; run++) {
    const { checker, failures, held } = new Simulation(SEED + run, SENDERS).run()
    t.same(failures, [])
    t.ok(checker.ended, `seed ${SEED + run} comes to its end`)
    t.same(checker.next, [RECORDS, RECORDS, RECORDS])
    t.ok(held <= SENDERS * EXCLUSIVE + FLOATING, `${held} batches waited at most`)
  }
})

t.test(
  'a lost, doubled or overtaken frame fails its channel and passes nothing wrong',
  async (t) => {
    let struck = 0
    for (let run = 0; run < 120; run++) {
      const seed = SEED + run
      const kind = (['drop', 'duplicate', 'reorder'] as const)[run % 3]!
      const plan = { kind, frame: Math.floor(seededRandom(seed)() * 8) }
      const back = run % 4 === 3
      const { checker, failures, wires } = new Simulation(
        seed,
        1,
        back ? [null, plan] : [plan, null],
      ).run()
      const wire = wires[back ? 1 : 0]
      if (!wire.struck) continue
      struck += 1
      const what = `seed ${seed}: ${kind} of frame ${plan.frame} ${back ? 'back' : 'there'}`
      if (failures.length > 0) t.match(failures[0], { code: 'E_CHANNEL_BROKEN' }, what)
      else if (!back && wire.carried > plan.frame + 1) t.fail(`${what} was not noticed`)
      else if (checker.ended) t.same(checker.next, [RECORDS], `${what} came too late to matter`)
      else t.pass(`${what}, the last one: no end comes`)
    }
    t.ok(struck > 40, `${struck} faults struck`)
  },
)
