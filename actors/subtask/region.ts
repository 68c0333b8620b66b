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
 */
import { assert, unreachable } from '../../lib/base/assert.js'
import { subtaskName } from '../../lib/graph/subtasks.js'
import type { Failure } from '../../lib/supervision/failure.js'
import type { ActorContext, Behaviour } from '../kernel/behaviour.js'
import type { ActorRef } from '../kernel/ref.js'
import type { SubtaskMessage } from './protocol.js'
import { Subtask, type SubtaskParts, type SubtaskSignals } from './subtask.js'

export interface SubtaskAddress {
  readonly chain: number
  readonly index: number
}

export type RegionMessage =
  | { readonly kind: 'SubtaskOpened' }
  | { readonly kind: 'Start' }
  | { readonly kind: 'Drain' }
  | {
      readonly kind: 'ToSubtask'
      readonly subtask: SubtaskAddress
      readonly message: SubtaskMessage
    }

/** What the region reports; each of the first two at most once. */
export interface RegionListener {
  opened(): void
  failed(subtask: SubtaskAddress, failure: Failure): void
  finished(subtask: SubtaskAddress): void
}

export interface RegionParts {
  readonly subtasks: readonly SubtaskAddress[]
  readonly open: (subtask: SubtaskAddress, signals: SubtaskSignals) => SubtaskParts
  readonly listener: RegionListener
  /** Keeps account of the living subtasks, for flushes. */
  readonly living: Set<Subtask>
}

export class Region implements Behaviour<RegionMessage> {
  readonly #parts: RegionParts
  readonly #refs = new Map<string, ActorRef<SubtaskMessage>>()
  readonly #byRef = new Map<ActorRef<never>, SubtaskAddress>()
  #unopened: number
  #hasFailed = false

  constructor(parts: RegionParts) {
    this.#parts = parts
    this.#unopened = parts.subtasks.length
  }

  started(context: ActorContext<RegionMessage>): void {
    for (const address of this.#parts.subtasks) this.#spawn(address, context)
  }

  receive(message: RegionMessage): void {
    switch (message.kind) {
      case 'SubtaskOpened':
        this.#unopened--
        if (this.#unopened === 0 && !this.#hasFailed) this.#parts.listener.opened()
        return
      case 'Start':
      case 'Drain':
        for (const ref of this.#refs.values()) ref.control({ kind: message.kind })
        return
      case 'ToSubtask':
        this.#refs.get(subtaskName(message.subtask))?.control(message.message)
        return
      default:
        unreachable(message)
    }
  }

  terminated(ref: ActorRef<never>, failure: Failure | null): void {
    const address = this.#byRef.get(ref)
    assert(address !== undefined, 'a region watches its own subtasks only')
    this.#refs.delete(subtaskName(address))
    if (failure === null) this.#parts.listener.finished(address)
    else if (!this.#hasFailed) {
      this.#hasFailed = true
      this.#parts.listener.failed(address, failure)
    }
  }

  #spawn(address: SubtaskAddress, context: ActorContext<RegionMessage>): void {
    const { open, living } = this.#parts
    const ref = context.spawn<SubtaskMessage>(subtaskName(address), (own) => {
      const subtask: Subtask = new Subtask(own, {
        open: (signals) => open(address, signals),
        opened: () => {
          living.add(subtask)
          context.self.control({ kind: 'SubtaskOpened' })
        },
        closed: () => living.delete(subtask),
      })
      return subtask
    })
    this.#refs.set(subtaskName(address), ref)
    this.#byRef.set(ref, address)
  }
}
