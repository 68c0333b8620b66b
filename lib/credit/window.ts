/**
 * The sender's window of credits: what it may still send on one channel. Counterpart of the
 * receiver's ledger (`ledger.ts`), which has the worked number.
 *
 *   sent   units sent so far, 0 … bound     changed by `spend`
 *   bound  number of the last unit allowed  changed by `grant`, never falls
 */
import { assert } from '../base/assert.js'

export class CreditWindow {
  #sent = 0
  #bound: number

  /** `exclusive`: credits that the channel has from the start; as in the receiver's ledger. */
  constructor(exclusive: number) {
    assert(Number.isSafeInteger(exclusive) && exclusive >= 1, 'each channel keeps ≥ 1 credit')
    this.#bound = exclusive
  }

  /** Units that may be sent now; never negative. */
  get available(): number {
    return this.#bound - this.#sent
  }

  /** Units sent so far: the number of the last one. */
  get sent(): number {
    return this.#sent
  }

  /** Uses one credit. */
  spend(): void {
    assert(this.#sent < this.#bound, 'no data is sent without credit')
    this.#sent += 1
  }

  /** Moves the bound; true when that allows more. A repeated or overtaken grant changes nothing. */
  grant(upToSequence: number): boolean {
    if (!(upToSequence > this.#bound)) return false
    this.#bound = upToSequence
    return true
  }
}
