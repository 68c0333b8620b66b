/**
 * Which coordinators a node refuses: its half of "who may command here".
 *
 * A *term* counts the starts of a coordinator on its data, durably, so that of two the later one is the one to
 * obey. It tells two apart only as long as they count in one place: where the data directory was copied, or put
 * back from a backup, another start may have the same term. Then the process that was served first with that term
 * keeps it, which its *incarnation* tells from others.
 *
 * A node knows what it has served since its own start: who was first may differ from node to node.
 */
import { MillraceError } from '../base/errors.js'

/** One start of a coordinator. */
export interface CoordinatorStart {
  readonly term: number
  /** Of its process: no other one has it. */
  readonly incarnation: string
}

export class TermFence {
  #served: CoordinatorStart = { term: 0, incarnation: '' }

  /** Throws where it decides nothing here. */
  check(found: CoordinatorStart): void {
    const served = this.#served
    if (found.term < served.term) throw older(found.term, served.term)
    const isOther = found.incarnation !== served.incarnation
    if (found.term === served.term && isOther) throw taken(found.term)
  }

  /** *Caller must* have checked it. */
  serve(found: CoordinatorStart): void {
    this.#served = found
  }
}

const WHY = 'two coordinators of one cluster run, or a data directory was copied or put back'
const SAFE = 'Its work stays with the one that it has served: stop the one that is not to be'

const older = (term: number, served: number): MillraceError =>
  new MillraceError(
    'E_OLD_TERM',
    `the coordinator is of term ${term}; this node has served one of term ${served}: ${WHY}. ` +
      `${SAFE}. Where the older data are to count, start this node anew, without the work that it hosts`,
    { details: { term, served } },
  )

const taken = (term: number): MillraceError =>
  new MillraceError(
    'E_TERM_TAKEN',
    `the coordinator is of term ${term}, and so is another one that this node has served: ${WHY}. ` +
      `${SAFE}, and start the other one again: each start has a term above the one before`,
    { details: { term } },
  )
