/** What members call at the coordinator. Whoever speaks for a slot must be the node that it is on. */
import { MillraceError } from '../../lib/base/errors.js'
import type { BulkMethods, CoordinatorMethods } from '../node/protocol.js'
import type { Member } from './member.js'
import { checkFacts, checkLost, checkRefs } from './node-facts.js'
import type { RegistryOwner } from './registry-owner.js'
import type { RemoteSlot } from './remote-slot.js'

/** Null where there is no such slot, or it is on another node. */
export type SlotOf = (ref: string, member: Member) => RemoteSlot | null

/** On the control connection. `self` is known by the time of the first call. */
export function controlHandlers(
  owner: RegistryOwner,
  slotOf: SlotOf,
  self: () => Member,
): CoordinatorMethods {
  return {
    wanted: async (held) => {
      checkRefs(held)
      return { term: owner.membership.term, refs: owner.wanted(self().name, held) }
    },
    register: async (facts, held) => {
      const member = self()
      checkFacts(facts)
      checkRefs(held)
      if (member.bulkLink === null) throw noBulk()
      member.facts = facts
      owner.events$.next({ kind: 'NodeJoined', node: member.name, slots: facts.slots })
      owner.joined(member.name, facts)
      owner.kept(member.name, held)
      return owner.membership
    },
    heartbeat: async () => {
      const { apartMs, bulkLink } = self()
      // Of the other connection, too, while something large is on its way to here.
      bulkLink?.beat()
      return apartMs === null
    },
    slotEvent: (ref, event) => slotOf(ref, self())?.event(event),
    results: async (ref, records) => {
      await slotOf(ref, self())?.onResults(records)
    },
    resultPart: async (ref, part) => {
      const slot = slotOf(ref, self())
      const whole = slot?.parts.join(part) ?? null
      if (whole !== null) await slot?.onResults([whole])
    },
    counters: (ref, rows) => slotOf(ref, self())?.counters(rows),
    peerLost: (node, told) => {
      const reason = checkLost(node, told)
      owner.events$.next({ kind: 'PeersApart', node: self().name, other: node, reason })
      owner.peerLost(self().name, node)
    },
    evacuate: () => owner.evacuate(self().name),
  }
}

/** On the bulk connection. */
export function bulkHandlers(owner: RegistryOwner, slotOf: SlotOf, member: Member): BulkMethods {
  const chunksOf = (ref: string) => {
    const slot = slotOf(ref, member)
    if (slot === null) throw stale(ref)
    return slot.chunks
  }
  return {
    heartbeat: async () => member.apartMs === null,
    bundle: (sha256, offset) => owner.bundle(sha256, offset),
    putChunk: async (ref, round, id, bytes) => chunksOf(ref).put(round, id, bytes),
    getChunk: async (ref, round, chunk) => chunksOf(ref).get(round, chunk),
  }
}

const noBulk = (): MillraceError =>
  new MillraceError('E_BAD_NODE', 'a node has a bulk connection when it registers')

const stale = (ref: string): MillraceError =>
  new MillraceError('E_STALE_SLOT', `slot ${ref} is no more`, { details: { ref } })
