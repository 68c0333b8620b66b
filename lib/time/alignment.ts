/**
 * Alignment: sources of one group keep together in event time. Each member tells its watermark; one
 * that leads the lowest of the group by more than the allowed drift pauses until the others have come.
 *
 * Members are cells of shared memory, so that those of other threads are seen; each is written by its
 * own thread only. A member that is idle or has ended holds nobody back; one that has been opened and not spoken yet
 * does. One that is never opened here, since it had ended before a restart or runs on another host, is not waited for.
 */

/** Where one member stands: `[state, watermark in ms]`. */
export type AlignmentCell = Float64Array

export const ALIGNMENT_CELL_LENGTH = 2

/** Values of a cell's state. Cells begin at 0. */
const OUT = 0
const UNHEARD = 1
const ACTIVE = 2

export class AlignmentMember {
  readonly #own: AlignmentCell
  readonly #group: readonly AlignmentCell[]

  /** `group`: the cells of all members, its own among them. */
  constructor(own: AlignmentCell, group: readonly AlignmentCell[]) {
    this.#own = own
    this.#group = group
    own[0] = UNHEARD
  }

  /** It has come to `timeMs`; null: it is idle, or has ended. */
  tell(timeMs: number | null): void {
    if (timeMs !== null) this.#own[1] = timeMs
    this.#own[0] = timeMs === null ? OUT : timeMs === Number.NEGATIVE_INFINITY ? UNHEARD : ACTIVE
  }

  /** The lowest watermark of those that count; −∞ while one of them is still to speak. */
  get lowestMs(): number {
    let lowest = Number.POSITIVE_INFINITY
    for (const cell of this.#group) {
      if (cell[0] === UNHEARD) return Number.NEGATIVE_INFINITY
      if (cell[0] === ACTIVE && cell[1]! < lowest) lowest = cell[1]!
    }
    return lowest
  }
}
