/**
 * The receiver's ledger of credits: which data may still come, on each channel of one inlet.
 *
 * One credit pays for one unit of data (a batch within a thread, a frame between threads). Units of
 * a channel are numbered from 1, signals not counted. A grant is an absolute bound, "units up to
 * number 17", never an amount: a grant that is lost is made good by the next one, and one that comes
 * twice or late changes nothing.
 *
 * Every channel owns `exclusive` ≥ 1 credits for ever. The `floating` ones belong to the inlet; they
 * are lent to channels whose sender announced a backlog, and come back as the data they paid for is
 * consumed and the backlog is gone.
 *
 * Worked number: 4 channels, 2 exclusive, 8 floating. At the start each sender may send 2 units: 8
 * in all. Sender A, the only one with work, sends units 1 and 2 and announces that 3 more wait: the
 * ledger lends it 3 floating credits, bound 5, and 5 are left to lend. A sends 3, 4, 5 and has
 * nothing more: as each of its units is consumed, one floating credit comes back. Never more than
 * 4 × 2 + 8 = 16 units can be on their way to, or wait in, this inlet.
 *
 * Counters of one channel, all starting at 0 but `bound` and `announced`, at `exclusive`; none but
 * `lent` and `backlog` ever falls; 2^53 units last longer than the machine:
 *
 *   consumed ≤ received ≤ announced ≤ bound = consumed + exclusive + lent
 *
 *   consumed   units that the inlet has handed on           changed by `consume`
 *   received   units that have arrived                      changed by `receive`
 *   announced  bound the sender has been told               changed with each `onGrant`
 *   bound      units up to this number may be sent          changed by `consume`, and by lending
 *   lent       floating credits in use, 0 … floating        changed by lending and by `consume`
 *   backlog    units that wait at the sender for credit     changed by `receive`
 */
import { assert } from '../base/assert.js'

export interface CreditOptions {
  readonly channels: number
  /** Credits that each channel keeps, ≥ 1. */
  readonly exclusive: number
  /** Credits that the channels share, ≥ 0. */
  readonly floating: number
}

/** The counters of one channel, as in the header. */
export interface CreditCounters {
  readonly consumed: number
  readonly received: number
  readonly announced: number
  readonly bound: number
  readonly lent: number
  readonly backlog: number
}

/** One channel's side of the ledger. */
export interface CreditAccount {
  /** What the sender may use before any grant: units 1 … `exclusive`. Both ends know it. */
  readonly exclusive: number
  /** Units sent or still to be sent under a credit, and not yet consumed. */
  readonly outstanding: number
  /** A copy of the counters: for metrics and tests. */
  counters(): CreditCounters
  /**
   * A unit has arrived; `backlog` more wait at its sender. False when no credit covered it: the
   * sender is broken and the channel must fail.
   */
  receive(backlog: number): boolean
  /** The oldest unit that arrived has been handed on. */
  consume(): void
  /** To be set by the channel: tells the sender that units up to `upToSequence` may be sent. */
  onGrant: (upToSequence: number) => void
  /** No more units are wanted: gives back what was lent, for ever. The rest does nothing any more. */
  close(): void
}

export interface CreditLedger {
  /** By position in the inlet, 0 … channels − 1. */
  readonly accounts: readonly CreditAccount[]
  /** Floating credits not lent, 0 … floating. */
  readonly free: number
  /** Position of the channel that may borrow first when a credit comes back. */
  readonly turn: number
  /** Sum over all channels; at most `exclusive` × channels + `floating`. */
  readonly outstanding: number
  /** Closes the account at `position` and opens one for a new sender in its place. */
  renew(position: number): CreditAccount
}

export function createCreditLedger(options: CreditOptions): CreditLedger {
  return new Ledger(options)
}

const tellNobody = (): void => {}

class Ledger implements CreditLedger {
  readonly accounts: Account[]
  free: number
  readonly #exclusive: number
  readonly #floating: number
  turn = 0

  constructor({ channels, exclusive, floating }: CreditOptions) {
    assert(Number.isSafeInteger(exclusive) && exclusive >= 1, 'each channel keeps ≥ 1 credit')
    assert(Number.isSafeInteger(floating) && floating >= 0, 'floating credits are ≥ 0')
    this.free = floating
    this.#exclusive = exclusive
    this.#floating = floating
    this.accounts = Array.from({ length: channels }, () => new Account(this, exclusive))
  }

  get outstanding(): number {
    return this.accounts.reduce((sum, account) => sum + account.outstanding, 0)
  }

  renew(position: number): CreditAccount {
    this.accounts[position]!.close()
    const account = new Account(this, this.#exclusive)
    this.accounts[position] = account
    return account
  }

  /** Takes one floating credit out of the pool. */
  lend(): void {
    this.free -= 1
    assert(this.free >= 0, 'floating credits are never negative')
  }

  /** Takes `count` credits back and lends them on, in turn, to channels that wait. */
  takeBack(count: number): void {
    this.free += count
    assert(this.free <= this.#floating, 'no more comes back than was lent')
    const { accounts } = this
    for (let seen = 0; seen < accounts.length && this.free > 0; seen++) {
      const account = accounts[this.turn]!
      this.turn = (this.turn + 1) % accounts.length
      account.borrow()
    }
  }
}

class Account implements CreditAccount {
  onGrant: (upToSequence: number) => void = tellNobody
  readonly exclusive: number
  readonly #ledger: Ledger
  #consumed = 0
  #received = 0
  #announced: number
  #bound: number
  #lent = 0
  #backlog = 0
  #closed = false

  constructor(ledger: Ledger, exclusive: number) {
    this.#ledger = ledger
    this.exclusive = exclusive
    this.#announced = exclusive
    this.#bound = exclusive
  }

  get outstanding(): number {
    return this.#bound - this.#consumed
  }

  counters(): CreditCounters {
    return {
      consumed: this.#consumed,
      received: this.#received,
      announced: this.#announced,
      bound: this.#bound,
      lent: this.#lent,
      backlog: this.#backlog,
    }
  }

  receive(backlog: number): boolean {
    if (this.#closed) return true
    if (this.#received >= this.#announced) return false
    this.#received += 1
    this.#backlog = backlog
    this.borrow()
    this.#announce()
    return true
  }

  consume(): void {
    if (this.#closed) return
    assert(this.#consumed < this.#received, 'only what has arrived is consumed')
    this.#consumed += 1
    const unspent = this.#bound - this.#received
    if (this.#lent > 0 && this.#backlog <= unspent) {
      this.#lent -= 1
      this.#ledger.takeBack(1)
    } else {
      this.#bound += 1
    }
    this.#check()
    this.#announce()
  }

  /** Takes floating credits, as long as some are free and the backlog is not covered. */
  borrow(): void {
    const before = this.#lent
    while (!this.#closed && this.#ledger.free > 0 && this.#backlog > this.#bound - this.#received) {
      this.#ledger.lend()
      this.#lent += 1
      this.#bound += 1
    }
    if (this.#lent !== before) this.#announce()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#giveBack()
  }

  #giveBack(): void {
    const lent = this.#lent
    this.#lent = 0
    this.#bound -= lent
    this.#backlog = 0
    if (lent > 0) this.#ledger.takeBack(lent)
  }

  /**
   * Grants are gathered: a grant goes out when it is worth half of what the channel may have out, or
   * at once when the sender cannot have any credit left. So a sender never starves, and a busy
   * channel costs one grant for several units.
   */
  #announce(): void {
    if (this.#closed) return
    const news = this.#bound - this.#announced
    if (news === 0) return
    const starved = this.#announced === this.#received
    if (!starved && news * 2 < this.#bound - this.#consumed) return
    this.#announced = this.#bound
    this.onGrant(this.#bound)
  }

  #check(): void {
    assert(this.#lent >= 0, 'credits are never negative')
    assert(
      this.#bound === this.#consumed + this.exclusive + this.#lent,
      'a channel has out its exclusive and its lent credits, never less, never more',
    )
    assert(this.#received <= this.#announced && this.#announced <= this.#bound, 'data has credit')
  }
}
