/**
 * The region actor: parent of the subtasks of one region in one slot, at one attempt.
 *
 * ```
 * region 0@3          reports; decides nothing
 * ├── 0:0             a failed subtask stops: beside live neighbours a restart would lose and
 * └── 1:0             duplicate, so the job restarts the region as one
 * ```
 *
 * It opens all its subtasks, says so, and passes orders on to them. Once a subtask has failed it says
 * nothing more: the job aborts the region, and what its neighbours fail with are echoes.
 *
 * Under `best-effort` it is `replaceable`: a failed subtask leaves a gap, its neighbours go on, and
 * the job orders a new one into its place (`Replace`), here or in another slot; see
 * `lib/job/replacement.ts`. Every failure is reported then.
 */
import { assert, unreachable } from '../../lib/base/assert.js'
import type { SplitRemains } from '../../lib/connectors/split-reading.js'
import { subtaskName } from '../../lib/graph/subtasks.js'
import type { Failure } from '../../lib/supervision/failure.js'
import type { ActorContext, Behaviour } from '../kernel/behaviour.js'
import type { ActorRef } from '../kernel/ref.js'
import type { Renewal, SubtaskMessage } from './protocol.js'
import { Subtask, type SubtaskParts, type SubtaskSignals } from './subtask.js'

export interface SubtaskAddress {
  readonly chain: number
  readonly index: number
}

export type RegionMessage =
  | { readonly kind: 'SubtaskOpened'; readonly subtask: SubtaskAddress }
  | { readonly kind: 'Start' }
  | { readonly kind: 'Drain' }
  | Extract<SubtaskMessage, { kind: 'Snapshot' | 'SnapshotHurried' | 'SnapshotAbandoned' }>
  /** `done` is called when every subtask has committed, or is gone. */
  | Extract<SubtaskMessage, { kind: 'SnapshotCompleted' }>
  | {
      readonly kind: 'ToSubtask'
      readonly subtask: SubtaskAddress
      readonly message: SubtaskMessage
    }
  /**
   * Renews the ends of a failed subtask's channels; where the subtask is one of this slot, opens it
   * anew. `done` is called then, or when it has failed again.
   */
  | {
      readonly kind: 'Replace'
      readonly subtask: SubtaskAddress
      readonly revision: number
      readonly done: () => void
    }

/** What the region reports; each of the first two at most once, unless it is replaceable. */
export interface RegionListener {
  opened(): void
  failed(subtask: SubtaskAddress, failure: Failure): void
  finished(subtask: SubtaskAddress): void
}

/** How one subtask comes into being. */
export interface Opening {
  readonly subtask: SubtaskAddress
  /** Number of the replacement; null for the first. */
  readonly revision: number | null
  /** What the one before has left to read. */
  readonly remains: SplitRemains | null
}

export interface RegionParts {
  readonly subtasks: readonly SubtaskAddress[]
  readonly replaceable: boolean
  readonly open: (opening: Opening, signals: SubtaskSignals) => SubtaskParts
  readonly renew: (subtask: SubtaskAddress, revision: number) => Renewal
  /** Records are lost with a subtask of this slot. */
  readonly lost: (subtask: SubtaskAddress, records: number) => void
  readonly listener: RegionListener
  /** Keeps account of the living subtasks, for flushes. */
  readonly living: Set<Subtask>
  /** Closes the channels of the region. */
  readonly close: () => void
}

/** Where one subtask after the other lives. */
interface Place {
  readonly subtask: SubtaskAddress
  /** Null after its end. */
  ref: ActorRef<SubtaskMessage> | null
  /** The present one, or the last; null before the first could be built. */
  life: Subtask | null
  isOpen: boolean
  /** Came for it while it was gone: splits that its predecessor had asked for. */
  readonly parked: SubtaskMessage[]
  /** Told when it is open, or has failed. */
  settled: () => void
}

/** A round that is complete, and those who are still to commit what it holds. */
interface Completion {
  readonly awaited: Set<Place>
  readonly done: () => void
}

export class Region implements Behaviour<RegionMessage> {
  readonly #parts: RegionParts
  readonly #places = new Map<string, Place>()
  readonly #byRef = new Map<ActorRef<never>, Place>()
  readonly #completions = new Set<Completion>()
  #unopened: number
  #hasFailed = false

  constructor(parts: RegionParts) {
    this.#parts = parts
    this.#unopened = parts.subtasks.length
  }

  started(context: ActorContext<RegionMessage>): void {
    for (const subtask of this.#parts.subtasks) {
      const place: Place = {
        subtask,
        ref: null,
        life: null,
        isOpen: false,
        parked: [],
        settled: () => {},
      }
      this.#places.set(subtaskName(subtask), place)
      this.#spawn(place, null, context)
    }
  }

  receive(message: RegionMessage, context: ActorContext<RegionMessage>): void {
    switch (message.kind) {
      case 'SubtaskOpened':
        return this.#onOpened(message.subtask)
      case 'Start':
      case 'Drain':
        for (const { ref } of this.#places.values()) ref?.control({ kind: message.kind })
        return
      case 'Snapshot':
      case 'SnapshotHurried':
      case 'SnapshotAbandoned':
        for (const { ref } of this.#places.values()) ref?.control(message)
        return
      case 'SnapshotCompleted':
        return this.#complete(message)
      case 'ToSubtask':
        return this.#pass(message.subtask, message.message)
      case 'Replace':
        return this.#replace(message, context)
      default:
        unreachable(message)
    }
  }

  terminated(ref: ActorRef<never>, failure: Failure | null): void {
    const place = this.#byRef.get(ref)
    assert(place !== undefined, 'a region watches its own subtasks only')
    const { listener, replaceable, lost } = this.#parts
    const { subtask } = place
    this.#byRef.delete(ref)
    place.ref = null
    place.isOpen = false
    for (const completion of this.#completions) this.#settle(completion, place)
    if (failure === null) return listener.finished(subtask)
    if (replaceable && place.life !== null) {
      lost(subtask, place.life.lost)
      // A successor that cannot be built leaves this life the last one.
      place.life.lost = 0
    }
    if (replaceable || !this.#hasFailed) {
      this.#hasFailed = true
      listener.failed(subtask, failure)
    }
    place.settled()
  }

  stopped(): void {
    this.#parts.close()
  }

  #onOpened(subtask: SubtaskAddress): void {
    const place = this.#places.get(subtaskName(subtask))!
    place.isOpen = true
    for (const message of place.parked.splice(0)) place.ref?.control(message)
    place.settled()
    if (this.#unopened === 0) return
    this.#unopened--
    if (this.#unopened === 0 && !this.#hasFailed) this.#parts.listener.opened()
  }

  #pass(subtask: SubtaskAddress, message: SubtaskMessage): void {
    const place = this.#places.get(subtaskName(subtask))
    if (place === undefined) return
    const isGone = !place.isOpen || place.life?.hasFailed === true
    // At most the one answer to its, or its predecessor's, request.
    if (this.#parts.replaceable && isGone && message.kind === 'AssignSplits') {
      place.parked.push(message)
    } else place.ref?.control(message)
  }

  #complete({ round, done }: RegionMessage & { kind: 'SnapshotCompleted' }): void {
    const living = [...this.#places.values()].filter(({ ref }) => ref !== null)
    if (living.length === 0) return done()
    const completion: Completion = { awaited: new Set(living), done }
    this.#completions.add(completion)
    for (const place of living) {
      const committed = () => this.#settle(completion, place)
      place.ref!.control({ kind: 'SnapshotCompleted', round, done: committed })
    }
  }

  /** One that is gone has nothing left to commit, or its failure is told. */
  #settle(completion: Completion, place: Place): void {
    completion.awaited.delete(place)
    if (completion.awaited.size > 0 || !this.#completions.delete(completion)) return
    completion.done()
  }

  #replace(order: RegionMessage & { kind: 'Replace' }, context: ActorContext<RegionMessage>): void {
    const { subtask, revision, done } = order
    const { unread, inputs, outputs } = this.#parts.renew(subtask, revision)
    for (const { at, channel } of inputs) this.#lifeAt(at)?.joinInput(channel)
    for (const { at, channel } of outputs) this.#lifeAt(at)?.joinOutput(channel)
    const place = this.#places.get(subtaskName(subtask))
    if (place === undefined) return done()
    assert(place.ref === null, 'a subtask is replaced after it has failed')
    this.#parts.lost(subtask, unread)
    place.settled = done
    this.#spawn(place, revision, context)
  }

  #lifeAt(subtask: SubtaskAddress): Subtask | null {
    return this.#places.get(subtaskName(subtask))?.life ?? null
  }

  #spawn(place: Place, revision: number | null, context: ActorContext<RegionMessage>): void {
    const { open, living, replaceable } = this.#parts
    const { subtask } = place
    const remains = place.life?.remains ?? null
    const ref = context.spawn<SubtaskMessage>(subtaskName(subtask), (own) => {
      const life: Subtask = new Subtask(own, {
        replaceable,
        open: (signals) => open({ subtask, revision, remains }, signals),
        opened: () => {
          living.add(life)
          context.self.control({ kind: 'SubtaskOpened', subtask })
        },
        closed: () => living.delete(life),
      })
      place.life = life
      return life
    })
    place.ref = ref
    this.#byRef.set(ref, place)
  }
}
