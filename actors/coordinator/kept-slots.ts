/**
 * Slots that nodes have kept from an earlier coordinator, until their jobs have taken them over or nobody wants
 * them any more. Steps: "Adoption" in `node/protocol.ts`.
 */
import type { Deployment } from '../../lib/job/adoption.js'
import type { Calls } from '../../lib/transport/calls.js'
import type { NodeMethods } from '../node/protocol.js'
import type { Place } from './remote-slot.js'

export interface KeptSlotsOwner {
  callsOf(node: string): Calls<NodeMethods> | null
  /** It takes a place on that node, for that job. */
  took(ref: string, node: string, job: string): void
  /** It takes none any more. */
  left(ref: string): void
}

/** A job of which slots may have been kept. */
interface Expected {
  readonly deployment: Deployment
  /** Refs of those that are there. */
  readonly here: Set<string>
  complete: () => void
  readonly completed: Promise<void>
}

export class KeptSlots {
  readonly #owner: KeptSlotsOwner
  readonly #jobs = new Map<string, Expected>()

  constructor(owner: KeptSlotsOwner) {
    this.#owner = owner
  }

  /** *Caller must* say so before a node can register. */
  expect(job: string, deployment: Deployment): void {
    let complete = () => {}
    const completed = new Promise<void>((resolve) => {
      complete = resolve
    })
    this.#jobs.set(job, { deployment, here: new Set(), complete, completed })
  }

  /** Resolves when all slots of the job are there; never where none is expected. */
  async completed(job: string): Promise<void> {
    const expected = this.#jobs.get(job)
    await (expected === undefined ? new Promise(() => {}) : expected.completed)
  }

  /** Which of them are expected from that node. */
  wanted(node: string, refs: readonly string[]): readonly string[] {
    return refs.filter((ref) => this.#expecting(node, ref) !== null)
  }

  /** The node has registered with these. */
  arrived(node: string, refs: readonly string[]): void {
    for (const ref of refs) {
      const found = this.#expecting(node, ref)
      if (found === null) void this.#kill(node, ref)
      else this.#take(node, ref, found)
    }
  }

  /** With that membership its slots are lost. */
  nodeLeft(node: string): void {
    for (const { deployment, here } of this.#jobs.values()) {
      for (const slot of deployment.slots) {
        if (slot.node === node && here.delete(slot.ref)) this.#owner.left(slot.ref)
      }
    }
  }

  /** They are the job's from now on, by index. Null where one is missing: then none is kept any more. */
  take(job: string): readonly Place[] | null {
    const expected = this.#jobs.get(job)
    if (expected === undefined) return null
    const { slots } = expected.deployment
    const places = slots.flatMap(({ ref, node }) => {
      const calls = expected.here.has(ref) ? this.#owner.callsOf(node) : null
      return calls === null ? [] : [{ node, calls }]
    })
    if (places.length < slots.length) {
      void this.giveUp(job)
      return null
    }
    this.#jobs.delete(job)
    return places
  }

  /** Ends those that are there, resolves when they have ended; others are not wanted any more. */
  async giveUp(job: string): Promise<void> {
    const expected = this.#jobs.get(job)
    if (expected === undefined) return
    this.#jobs.delete(job)
    const here = expected.deployment.slots.filter(({ ref }) => expected.here.has(ref))
    await Promise.all(
      here.map(({ ref, node }) => {
        this.#owner.left(ref)
        return this.#kill(node, ref)
      }),
    )
  }

  /** Ends all that are kept there, and with them those of the same jobs, which begin anew. Resolves when none is left there. */
  async vacate(node: string): Promise<void> {
    const found = [...this.#jobs].filter(([, { deployment, here }]) =>
      deployment.slots.some((slot) => slot.node === node && here.has(slot.ref)),
    )
    await Promise.all(found.map(([job]) => this.giveUp(job)))
  }

  #take(node: string, ref: string, [job, expected]: readonly [string, Expected]): void {
    expected.here.add(ref)
    this.#owner.took(ref, node, job)
    if (expected.here.size === expected.deployment.slots.length) expected.complete()
  }

  #expecting(node: string, ref: string): readonly [string, Expected] | null {
    for (const entry of this.#jobs) {
      const { slots } = entry[1].deployment
      if (slots.some((slot) => slot.ref === ref && slot.node === node)) return entry
    }
    return null
  }

  async #kill(node: string, ref: string): Promise<void> {
    const why = 'its job does not go on with it'
    await this.#owner
      .callsOf(node)
      ?.call('killSlot', [ref, why])
      .catch(() => {})
  }
}
