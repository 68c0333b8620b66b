import fc from 'fast-check'
import t from 'tap'
import { type CreditLedger, createCreditLedger } from '../../../lib/credit/ledger.js'
import { CreditWindow } from '../../../lib/credit/window.js'
import { testSeed } from '../../support/test-seed.js'

interface Small {
  readonly channels: number
  readonly exclusive: number
  readonly floating: number
  /** Units that each sender wants to send. */
  readonly units: number
}

/** Ledger, windows, and two FIFO wires per channel: data with its backlog, and grants. */
class Model {
  readonly ledger: CreditLedger
  readonly windows: CreditWindow[]
  readonly data: number[][]
  readonly grants: number[][]
  readonly small: Small
  #lastGrant: number[]

  constructor(small: Small) {
    this.small = small
    this.ledger = createCreditLedger(small)
    this.windows = this.ledger.accounts.map(() => new CreditWindow(small.exclusive))
    this.data = this.windows.map(() => [])
    this.grants = this.windows.map(() => [])
    this.#lastGrant = this.windows.map(() => 0)
    this.ledger.accounts.forEach((account, c) => {
      account.onGrant = (upTo) => this.grants[c]!.push(upTo)
    })
  }

  /** Steps that are possible now, as `kind * channels + channel`. */
  steps(): number[] {
    const { channels, units } = this.small
    const steps: number[] = []
    for (let c = 0; c < channels; c++) {
      const { received, consumed } = this.ledger.accounts[c]!.counters()
      if (this.windows[c]!.available > 0 && this.windows[c]!.sent < units) steps.push(c)
      if (this.data[c]!.length > 0) steps.push(channels + c)
      if (consumed < received) steps.push(2 * channels + c)
      if (this.grants[c]!.length > 0) steps.push(3 * channels + c)
    }
    return steps
  }

  step(step: number): void {
    const { channels, units } = this.small
    const c = step % channels
    switch (Math.floor(step / channels)) {
      case 0:
        this.windows[c]!.spend()
        this.data[c]!.push(units - this.windows[c]!.sent)
        return
      case 1:
        if (!this.ledger.accounts[c]!.receive(this.data[c]!.shift()!)) throw new Error('refused')
        return
      case 2:
        this.ledger.accounts[c]!.consume()
        return
      case 3:
        this.#lastGrant[c] = this.grants[c]!.shift()!
        this.windows[c]!.grant(this.#lastGrant[c]!)
    }
  }

  /** The network says the last grant again. */
  repeatGrant(c: number): boolean {
    return this.windows[c]!.grant(this.#lastGrant[c]!)
  }

  key(): string {
    const accounts = this.ledger.accounts.map((account) => Object.values(account.counters()))
    const windows = this.windows.map(({ available, sent }) => [available, sent])
    return JSON.stringify([accounts, windows, this.data, this.grants, this.ledger.turn])
  }

  /** The laws, restated without the ledger's own arithmetic. */
  check(): void {
    const { channels, exclusive, floating, units } = this.small
    let lent = 0
    let onTheWay = 0
    for (let c = 0; c < channels; c++) {
      const counters = this.ledger.accounts[c]!.counters()
      const { consumed, received, announced, bound } = counters
      law(this.windows[c]!.available >= 0, 'credits are never negative')
      law(bound - consumed >= exclusive, 'each channel keeps its exclusive credits')
      law(consumed <= received && received <= announced && announced <= bound, 'order of counters')
      law(this.windows[c]!.sent <= bound, 'what is sent has credit')
      lent += counters.lent
      onTheWay += this.windows[c]!.sent - consumed
    }
    law(lent + this.ledger.free === floating, 'floating credits are lent or free')
    law(this.ledger.outstanding <= channels * exclusive + floating, 'the sum is bounded')
    law(onTheWay <= channels * exclusive + floating, 'data on its way is bounded')
    if (this.steps().length === 0) {
      law(
        this.windows.every(({ sent }) => sent === units),
        'who has something to send does not starve',
      )
    }
  }
}

function law(holds: boolean, name: string): void {
  if (!holds) throw new Error(`broken: ${name}`)
}

/** Visits every reachable state, by every order of steps; returns how many there are. */
function explore(small: Small): number {
  const seen = new Set<string>()
  const paths: number[][] = [[]]
  for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
    const model = new Model(small)
    for (const step of path) model.step(step)
    const key = model.key()
    if (seen.has(key)) continue
    seen.add(key)
    model.check()
    for (const step of model.steps()) paths.push([...path, step])
  }
  return seen.size
}

t.test('credits hold in every state of every small inlet', async (t) => {
  for (const exclusive of [1, 2]) {
    for (const floating of [0, 1, 2]) {
      const states = explore({ channels: 2, exclusive, floating, units: 4 })
      t.ok(
        states >= 169,
        `2 channels, ${exclusive} exclusive, ${floating} floating: ${states} states`,
      )
    }
  }
  const states = explore({ channels: 3, exclusive: 1, floating: 2, units: 2 })
  t.ok(states >= 729, `3 channels, 1 exclusive, 2 floating: ${states} states`)
})

t.test('credits hold under long random orders, with repeated grants', async (t) => {
  const small = fc.record({
    channels: fc.integer({ min: 1, max: 5 }),
    exclusive: fc.integer({ min: 1, max: 4 }),
    floating: fc.integer({ min: 0, max: 6 }),
    units: fc.integer({ min: 1, max: 40 }),
  })
  fc.assert(
    fc.property(small, fc.array(fc.nat(), { minLength: 50, maxLength: 400 }), (small, choices) => {
      const model = new Model(small)
      for (const choice of choices) {
        const steps = model.steps()
        if (steps.length === 0) break
        model.step(steps[choice % steps.length]!)
        law(!model.repeatGrant(choice % small.channels), 'a repeated grant changes nothing')
        model.check()
      }
      for (let steps = model.steps(); steps.length > 0; steps = model.steps()) model.step(steps[0]!)
      model.check()
    }),
    { numRuns: 60, seed: testSeed(7) },
  )
  t.pass('400 steps, 60 runs')
})

t.test('a lost grant is made good by the next', async (t) => {
  const { accounts } = createCreditLedger({ channels: 1, exclusive: 1, floating: 0 })
  const window = new CreditWindow(1)
  const grants: number[] = []
  accounts[0]!.onGrant = (upTo) => grants.push(upTo)
  window.spend()
  accounts[0]!.receive(0)
  accounts[0]!.consume()
  t.same(grants, [2])
  window.grant(2)
  window.spend()
  accounts[0]!.receive(0)
  accounts[0]!.consume()
  t.same(grants, [2, 3])
  t.equal(window.grant(3), true)
  t.equal(window.grant(2), false, 'an overtaken grant changes nothing')
  t.equal(window.available, 1)
})

t.test('the worked number of the ledger: 4 channels, 2 exclusive, 8 floating', async (t) => {
  const ledger = createCreditLedger({ channels: 4, exclusive: 2, floating: 8 })
  const [a] = ledger.accounts
  t.equal(ledger.outstanding, 8)
  a!.receive(4)
  a!.receive(3)
  t.equal(a!.counters().bound, 5)
  t.equal(ledger.free, 5)
  for (const backlog of [2, 1, 0]) t.ok(a!.receive(backlog))
  for (let unit = 0; unit < 5; unit++) a!.consume()
  t.equal(ledger.free, 8, 'what was lent has come back')
  t.equal(a!.outstanding, 2)
})

t.test('data without credit is refused', async (t) => {
  const { accounts } = createCreditLedger({ channels: 1, exclusive: 1, floating: 4 })
  t.equal(accounts[0]!.receive(0), true)
  t.equal(accounts[0]!.receive(0), false)
  t.throws(() => new CreditWindow(0), /each channel keeps ≥ 1 credit/)
  const window = new CreditWindow(1)
  window.spend()
  t.throws(() => window.spend(), /no data is sent without credit/)
})

t.test('a closed channel gives back what it had borrowed, and another gets it', async (t) => {
  const ledger = createCreditLedger({ channels: 2, exclusive: 1, floating: 2 })
  const { accounts } = ledger
  accounts[0]!.receive(5)
  const told: number[] = []
  accounts[1]!.onGrant = (upTo) => told.push(upTo)
  accounts[1]!.receive(5)
  t.same(told, [])
  accounts[0]!.close()
  t.same(told, [3])
  t.equal(accounts[0]!.receive(0), true, 'what was on its way is let in and not counted')
  const [old] = accounts
  t.equal(ledger.renew(0).outstanding, 1)
  t.not(accounts[0], old)
  old!.close()
  t.equal(accounts[0]!.receive(0), true, 'the old account has no say over the new one')
  accounts[0]!.consume()
  t.equal(accounts[0]!.counters().bound, 2)
})
