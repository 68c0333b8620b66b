/**
 * What a slot was told and has said, as far as a coordinator that adopts it has to know: `SlotHolding`.
 * Passive: the node notes each command before it goes to the slot, its answer, and each event.
 *
 * Kept for each region at its present attempt: ids of splits, names of subtasks. It grows with the splits
 * that a source has, and is forgotten when the region is aborted.
 */
import type { Split } from '../../lib/connectors/source.js'
import type { Plan } from '../../lib/graph/plan.js'
import { regionOf, subtaskName } from '../../lib/graph/subtasks.js'
import type {
  HeldListing,
  HeldRegion,
  HeldSource,
  SlotHolding,
  SplitsListed,
} from '../../lib/job/adoption.js'
import type { Barrier } from '../../lib/operators/signal.js'
import type { RestoreOrder } from '../../lib/snapshot/restore-plan.js'
import type { SlotEvent, SubtaskId } from '../worker/protocol.js'
import type { Forwarded } from './protocol.js'

/** One region at its present attempt. */
interface RegionAccount {
  readonly region: number
  readonly attempt: number
  phase: 'opening' | 'open' | 'started'
  isDoubtful: boolean
  readonly base: number
  firstRound: number
  readonly finished: Set<string>
  readonly committing: Set<string>
  readonly sources: Map<string, SourceAccount>
  /** By chain. */
  readonly listings: Map<number, SplitsListed>
}

interface SourceAccount {
  readonly given: string[]
  isLast: boolean
  asks: boolean
}

/** Notes the answer of a command; never told of one that has failed, but for `open`. */
export type NoteAnswer = (answer: { readonly ok: boolean; readonly result?: unknown }) => void

const nothing: NoteAnswer = () => {}

export class SlotLedger {
  readonly #plan: Plan
  readonly #regions = new Map<number, RegionAccount>()
  /** The slots that it is to be joined with, by index. `node`: null where that is this one. */
  readonly #links = new Map<number, { readonly node: string | null; isUp: boolean }>()
  #rounds: number[] = []
  #givenUp: number[] = []
  #completed = 0
  #lastRound = 0
  /** The round behind which sources stop; 0: none. */
  #stopRound = 0
  /** Listings asked for so far, by chain. */
  readonly #asked = new Map<number, number>()

  constructor(plan: Plan) {
    this.#plan = plan
  }

  get holding(): SlotHolding {
    return {
      regions: [...this.#regions.values()].map((account) => this.#heldOf(account)),
      joined: [...this.#links.values()].filter(({ isUp }) => isUp).length,
      rounds: this.#rounds,
      givenUp: this.#givenUp,
      completed: this.#completed,
      lastRound: this.#lastRound,
    }
  }

  // ---- what it is told ------------------------------------------------------------------------

  /** *Caller must* call this before the slot has it, and what is returned when the slot has answered. */
  command(method: Forwarded, args: readonly unknown[]): NoteAnswer {
    switch (method) {
      case 'open':
        return this.#open(...(args as [number, number, ReadonlyMap<string, RestoreOrder> | null]))
      case 'start':
        this.#start(...(args as [number, number, SubtaskId?]))
        return nothing
      case 'abort':
        this.#abort(...(args as [number, number]))
        return nothing
      case 'replace':
        this.#doubt(...(args as [SubtaskId, number]))
        return nothing
      case 'enumerate':
        return this.#enumerate(args[0] as number)
      case 'assign':
        this.#assign(...(args as [SubtaskId, number, readonly Split[], boolean]))
        return nothing
      case 'snapshot':
        this.#snapshot(...(args as [Barrier, boolean]))
        return nothing
      case 'snapshotCompleted':
        this.#onCompleted(args[0] as number)
        return nothing
      case 'snapshotAbandoned':
        this.#abandoned(args[0] as number)
        return nothing
      case 'drain':
        for (const account of this.#regions.values()) account.isDoubtful = true
        return nothing
      default:
        return nothing
    }
  }

  /** `node`: null where the other slot is on this node. The caller says when they are joined. */
  joining(index: number, node: string | null): () => void {
    const link = { node, isUp: false }
    this.#links.set(index, link)
    return () => {
      link.isUp = this.#links.get(index) === link
    }
  }

  /** The data connection with that node is gone. */
  peerLost(node: string): void {
    for (const [index, link] of this.#links) {
      if (link.node === node) this.#links.set(index, { node, isUp: false })
    }
  }

  #open(
    region: number,
    attempt: number,
    restore: ReadonlyMap<string, RestoreOrder> | null,
  ): NoteAnswer {
    const account: RegionAccount = {
      region,
      attempt,
      phase: 'opening',
      isDoubtful: false,
      base: Math.max(0, ...[...(restore?.values() ?? [])].map(({ round }) => round)),
      firstRound: 0,
      finished: new Set(),
      committing: new Set(),
      sources: new Map(),
      listings: new Map(),
    }
    this.#regions.set(region, account)
    return ({ ok }) => {
      if (!ok) account.isDoubtful = true
      else if (account.phase === 'opening') account.phase = 'open'
    }
  }

  #start(region: number, attempt: number, subtask?: SubtaskId): void {
    const account = this.#regions.get(region)
    const isDue = account?.attempt === attempt && account.phase === 'open'
    if (isDue && subtask === undefined) account.phase = 'started'
  }

  #abort(region: number, attempt: number): void {
    if (this.#regions.get(region)?.attempt === attempt) this.#regions.delete(region)
  }

  #doubt(subtask: SubtaskId, attempt: number): void {
    const account = this.#accountOf(subtask, attempt)
    if (account !== null) account.isDoubtful = true
  }

  /** It is asked for in the attempt that is there; the one asked for last counts. */
  #enumerate(node: number): NoteAnswer {
    const chain = this.#plan.chains.find(({ steps }) => steps[0]!.node === node)
    if (chain === undefined) return nothing
    const { id } = chain
    const account = this.#regions.get(regionOf(this.#plan, id))
    const asked = (this.#asked.get(id) ?? 0) + 1
    this.#asked.set(id, asked)
    return ({ ok, result }) => {
      if (ok && this.#asked.get(id) === asked) account?.listings.set(id, result as SplitsListed)
    }
  }

  #assign(subtask: SubtaskId, attempt: number, splits: readonly Split[], last: boolean): void {
    const account = this.#accountOf(subtask, attempt)
    if (account === null) return
    const source = sourceIn(account, subtask)
    for (const { id } of splits) source.given.push(id)
    source.isLast ||= last
    source.asks = false
  }

  #snapshot({ round }: Barrier, stop: boolean): void {
    this.#rounds.push(round)
    this.#lastRound = Math.max(this.#lastRound, round)
    if (stop) this.#stopRound = round
    for (const account of this.#regions.values()) {
      if (account.firstRound === 0) account.firstRound = round
    }
  }

  #onCompleted(round: number): void {
    this.#completed = Math.max(this.#completed, round)
    this.#rounds = this.#rounds.filter((each) => each > round)
    this.#givenUp = this.#givenUp.filter((each) => each > round)
  }

  #abandoned(round: number): void {
    this.#rounds = this.#rounds.filter((each) => each !== round)
    this.#givenUp.push(round)
    // As sources have it: they go on.
    if (this.#stopRound <= round) this.#stopRound = 0
  }

  // ---- what it says ---------------------------------------------------------------------------

  event(event: SlotEvent): void {
    switch (event.kind) {
      case 'SplitsRequested': {
        const account = this.#accountOf(event.subtask, event.attempt)
        if (account !== null) sourceIn(account, event.subtask).asks = true
        return
      }
      case 'SubtaskFinished': {
        const account = this.#accountOf(event.subtask, event.attempt)
        account?.finished.add(subtaskName(event.subtask))
        return
      }
      case 'CommitAwaited': {
        const account = this.#accountOf(event.subtask, event.attempt)
        account?.committing.add(subtaskName(event.subtask))
        return
      }
      case 'SubtaskFailed':
        return this.#doubt(event.subtask, event.attempt)
    }
  }

  // ---- accounts -------------------------------------------------------------------------------

  #heldOf(account: RegionAccount): HeldRegion {
    const { region, attempt, phase, isDoubtful, base, firstRound } = account
    const isWhole = phase === 'started' && !isDoubtful && this.#stopRound === 0
    const sources = [...account.sources].map(
      ([subtask, source]): HeldSource => ({ subtask, ...source }),
    )
    const listings = [...account.listings].map(
      ([chain, listing]): HeldListing => ({ chain, ...listing }),
    )
    return {
      region,
      attempt,
      isWhole,
      base,
      firstRound,
      finished: [...account.finished],
      committing: [...account.committing],
      sources,
      listings,
    }
  }

  #accountOf(subtask: SubtaskId, attempt: number): RegionAccount | null {
    const account = this.#regions.get(regionOf(this.#plan, subtask.chain))
    return account?.attempt === attempt ? account : null
  }
}

function sourceIn({ sources }: RegionAccount, subtask: SubtaskId): SourceAccount {
  const name = subtaskName(subtask)
  const source = sources.get(name) ?? { given: [], isLast: false, asks: false }
  sources.set(name, source)
  return source
}
