/**
 * A wire for `createLoopback`: frames lie on it until the test moves them, one at a time, in an
 * order drawn from a seed; a fault may strike one of them.
 */
import type { Random } from '../../lib/base/random.js'
import type { Carry } from '../../lib/transport/loopback.js'

export type Fault = 'drop' | 'duplicate' | 'reorder'

export interface FaultPlan {
  readonly kind: Fault
  /** Number, from 0, of the frame of this wire which it strikes. */
  readonly frame: number
}

/** One direction of a link. */
export class SlowWire {
  /** Frames put on the wire so far. */
  carried = 0
  /** True once the fault has struck. */
  struck = false
  readonly #plan: FaultPlan | null
  readonly #moving: (() => void)[] = []

  constructor(plan: FaultPlan | null = null) {
    this.#plan = plan
  }

  get length(): number {
    return this.#moving.length
  }

  readonly carry: Carry = (frame, deliver) => {
    const strikes = this.carried === this.#plan?.frame
    this.carried += 1
    if (strikes && this.#plan.kind === 'drop') {
      this.struck = true
      return
    }
    this.#moving.push(() => deliver(frame))
    if (strikes && this.#plan.kind === 'duplicate') {
      this.struck = true
      const again = frame.slice(0)
      this.#moving.push(() => deliver(again))
    }
  }

  /** Delivers the oldest frame; a reordering lets the next one overtake the one it strikes. */
  move(): void {
    const overtaken = this.#plan?.kind === 'reorder' && this.#isNext(this.#plan.frame)
    if (overtaken && !this.struck && this.#moving.length > 1) {
      this.struck = true
      this.#moving.splice(1, 1)[0]!()
    } else this.#moving.shift()?.()
  }

  #isNext(frame: number): boolean {
    return this.carried - this.#moving.length === frame
  }
}

/** Moves frames of the wires until none is left, in an order drawn from `random`. */
export function settle(wires: readonly SlowWire[], random: Random): void {
  for (;;) {
    const busy = wires.filter(({ length }) => length > 0)
    if (busy.length === 0) return
    busy[Math.floor(random() * busy.length)]!.move()
  }
}
