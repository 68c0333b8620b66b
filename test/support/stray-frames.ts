/**
 * What no network may be trusted not to do between slots, though TCP does none of it: frames of a lane whose
 * connection was lost come over the next one, frames come twice, and one comes after the one behind it.
 */
import type { Random } from '../../lib/base/random.js'

/** Of a lane, that may come over the next one: the last that were sent. */
const KEPT_MAX = 64
/** Of all frames. */
const REPEATED = 0.04
const SWAPPED = 0.01

/** One lane between two slots, as its receiving end has it. */
export interface LaneDisturbance {
  /** What arrives instead of that frame: it may come later, twice, or behind others. */
  taken(frame: ArrayBuffer): readonly ArrayBuffer[]
  /** One waits for another to overtake it. */
  readonly isHolding: boolean
  /** The frame that waits for another to overtake it; null: none does, or not any more. */
  overdue(): ArrayBuffer | null
  /** Its connection was lost. */
  lost(): void
}

export class StrayFrames {
  readonly #random: Random
  /** By the slots, the one that sends first: of the connection that was lost last. */
  readonly #lost = new Map<string, readonly ArrayBuffer[]>()

  #isCalm = false

  constructor(random: Random) {
    this.#random = random
  }

  /** From now on all frames come as they should. */
  calm(): void {
    this.#isCalm = true
  }

  disturb(from: string, to: string): LaneDisturbance {
    const random = this.#random
    const name = `${slotOf(from)} ${slotOf(to)}`
    const kept: ArrayBuffer[] = []
    let late: readonly ArrayBuffer[] | undefined = this.#lost.get(name)
    let held: ArrayBuffer | null = null
    return {
      get isHolding() {
        return held !== null
      },
      taken: (frame) => {
        const copy = frame.slice(0)
        kept.push(copy)
        if (kept.length > KEPT_MAX) kept.shift()
        const before = this.#isCalm ? [] : (late ?? [])
        late = undefined
        if (held !== null) {
          const first = held
          held = null
          return [...before, frame, first]
        }
        if (this.#isCalm) return [frame]
        if (random() < SWAPPED) {
          held = frame
          return before
        }
        return random() < REPEATED ? [...before, frame, copy.slice(0)] : [...before, frame]
      },
      overdue: () => {
        const frame = held
        held = null
        return frame
      },
      lost: () => {
        this.#lost.set(
          name,
          kept.map((frame) => frame.slice(0)),
        )
      },
    }
  }
}

/** Its lane is named by the joining of the two, too, and each connection has another one. */
const slotOf = (name: string): string => name.split('#', 1)[0]!
