/**
 * The nodes that are members, and the slots on them. Protocol and invariants: `node/protocol.ts`.
 */
import type { Cancel } from '../../lib/base/clock.js'
import { SilenceWatch } from '../../lib/cluster/lease.js'
import {
  HEARTBEAT_MS,
  LOOK_MS,
  REDEPLOY_MS,
  RETURN_MS,
  SILENCE_MS,
} from '../../lib/cluster/times.js'
import { type Calls, createCalls } from '../../lib/transport/calls.js'
import { LANE_MESSAGE_BYTES_MAX, messagesOver } from '../../lib/transport/lane-messages.js'
import { linkLimits } from '../../lib/transport/link-limits.js'
import type { ControlLink, DataLink } from '../../lib/transport/node-links.js'
import { acceptOver, type Opening, ResumableLink } from '../../lib/transport/resumable-link.js'
import type { NodeFacts, NodeMethods } from '../node/protocol.js'
import type { Member } from './member.js'
import { bulkHandlers, controlHandlers } from './member-calls.js'
import type { RegistryOwner } from './registry-owner.js'
import type { RemoteSlot } from './remote-slot.js'

const CALL_MS = 10_000
/** A member beats several times in this time. */
const NAME_HELD_MS = 4 * HEARTBEAT_MS
/** Whoever connects says within this time what for. */
const OPENING_MS = 5_000

export class NodeRegistry {
  readonly #owner: RegistryOwner
  /** By name. */
  readonly #members = new Map<string, Member>()
  /** By ref. */
  readonly #slots = new Map<string, RemoteSlot>()
  readonly #silence: SilenceWatch
  #stopLook: Cancel = () => {}

  constructor(owner: RegistryOwner) {
    this.#owner = owner
    this.#silence = new SilenceWatch(LOOK_MS, owner.clock.now())
    this.#look()
  }

  get nodes(): readonly { readonly name: string; readonly facts: NodeFacts }[] {
    return [...this.#members.values()].flatMap(({ name, facts }) =>
      facts === null ? [] : [{ name, facts }],
    )
  }

  /** How to call a member; null where it is none. */
  callsOf(node: string): Calls<NodeMethods> | null {
    const member = this.#members.get(node)
    return member?.facts == null ? null : member.calls
  }

  urlOf(node: string): string {
    return this.#members.get(node)?.facts?.url ?? ''
  }

  addSlot(slot: RemoteSlot): void {
    this.#slots.set(slot.ref, slot)
  }

  removeSlot(slot: RemoteSlot): void {
    this.#slots.delete(slot.ref)
  }

  slotsOn(node: string): readonly RemoteSlot[] {
    return [...this.#slots.values()].filter((slot) => slot.place?.node === node)
  }

  acceptControl(link: ControlLink): void {
    const stopWaiting = this.#limitOpening(link)
    acceptOver(link, (opening) => {
      stopWaiting()
      return opening.how === 'open' ? this.#begin(link, opening) : this.#goOn(link, opening)
    })
  }

  #begin(control: ControlLink, { number }: Opening): ResumableLink | null {
    const { id: name, incarnation } = control.peer
    const before = this.#members.get(name)
    if (before !== undefined && this.#holdsName(before, incarnation)) {
      control.close('taken')
      return null
    }
    // A dial that was given up, and is late.
    if (before?.incarnation === incarnation && number <= before.number) return null
    if (before !== undefined) this.#end(before, `replaced by a newer connection of node ${name}`)
    const link = this.#linkOf(control, linkLimits.messageBytesMax, () => member)
    const calls = createCalls<NodeMethods>({
      link,
      handlers: controlHandlers(this.#owner, this.#slotOf, () => member),
      deadlineMs: CALL_MS,
      clock: this.#owner.clock,
    })
    const member: Member = {
      name,
      incarnation,
      number,
      link,
      calls,
      control,
      bulk: null,
      bulkLink: null,
      facts: null,
      losses: 0,
      apartMs: null,
    }
    this.#members.set(name, member)
    this.#silence.heard(name, this.#owner.clock.now())
    return link
  }

  /** Over another connection than the one that was lost, here or on its way. */
  #goOn(control: ControlLink, { number, upTo }: Opening): ResumableLink | null {
    const member = this.#memberAt(control, number)
    if (member === null || !member.link.canGoOnFrom(upTo)) return null
    member.control = control
    if (member.bulkLink?.isUp !== false) member.apartMs = null
    if (member.facts !== null) {
      this.#owner.events$.next({ kind: 'NodeReturned', node: member.name })
    }
    return member.link
  }

  #memberAt({ peer }: ControlLink | DataLink, number: number): Member | null {
    const member = this.#members.get(peer.id)
    const isIts = member?.incarnation === peer.incarnation && member.number === number
    return isIts ? member : null
  }

  /** Its end is that of the membership. */
  #linkOf(
    { peer }: ControlLink | DataLink,
    messageBytesMax: number,
    self: () => Member,
  ): ResumableLink {
    const { clock } = this.#owner
    const onDown = (reason: Error | null) => this.#onDown(self(), reason)
    const link = new ResumableLink({ peer, clock, messageBytesMax, onDown })
    link.onClose((reason) =>
      this.#end(self(), reason?.message ?? 'the coordinator closed the connection'),
    )
    return link
  }

  #limitOpening(link: ControlLink | DataLink): Cancel {
    const stopWaiting = this.#owner.clock.after(OPENING_MS, () => link.terminate('slow'))
    link.onClose(stopWaiting)
    return stopWaiting
  }

  #onDown(member: Member, reason: Error | null): void {
    const { clock } = this.#owner
    const losses = ++member.losses
    member.apartMs ??= clock.now()
    if (member.link.isUp || member.bulkLink?.isUp === true) return
    clock.after(RETURN_MS, () => {
      const isBack = member.link.isUp || member.losses !== losses
      if (!isBack) this.#end(member, reason?.message ?? 'its connections were closed')
    })
  }

  /** Another process of that name, which is alive: two of one name would throw each other out for ever. */
  #holdsName(member: Member, incarnation: string): boolean {
    const silentMs = this.#owner.clock.now() - heardMs(member)
    return member.incarnation !== incarnation && member.link.isUp && silentMs < NAME_HELD_MS
  }

  /** Beside a control connection, for what is large. */
  acceptData(link: DataLink): void {
    const stopWaiting = this.#limitOpening(link)
    link.onLane((lane) => {
      const messages = messagesOver(link, lane)
      acceptOver(messages, (opening) => {
        stopWaiting()
        return this.#takeBulk(link, opening)
      })
    })
  }

  #takeBulk(bulk: DataLink, { number, how, upTo }: Opening): ResumableLink | null {
    const member = this.#memberAt(bulk, number)
    if (member === null || (how === 'open') !== (member.bulkLink === null)) return null
    if (member.bulkLink?.canGoOnFrom(upTo) === false) return null
    member.bulk = bulk
    if (member.link.isUp) member.apartMs = null
    if (how === 'resume') return member.bulkLink
    const link = this.#linkOf(bulk, LANE_MESSAGE_BYTES_MAX, () => member)
    const handlers = bulkHandlers(this.#owner, this.#slotOf, member)
    createCalls({ link, handlers, deadlineMs: CALL_MS, clock: this.#owner.clock })
    member.bulkLink = link
    return link
  }

  close(): void {
    this.#stopLook()
    for (const member of [...this.#members.values()]) this.#end(member, 'the coordinator stops')
  }

  readonly #slotOf = (ref: string, member: Member): RemoteSlot | null => {
    const slot = this.#slots.get(ref)
    return slot?.place?.node === member.name ? slot : null
  }

  #look(): void {
    const { clock } = this.#owner
    this.#stopLook = clock.after(LOOK_MS, () => {
      this.#look()
      const now = clock.now()
      for (const member of this.#members.values()) {
        // Whoever lives connects again: while a connection is missing, the other one proves nothing.
        const { name, apartMs } = member
        this.#silence.heard(name, Math.min(heardMs(member), apartMs ?? Number.POSITIVE_INFINITY))
      }
      for (const name of this.#silence.silent(now)) {
        const member = this.#members.get(name)
        if (member === undefined) this.#silence.forget(name)
        else this.#endSilent(member, `nothing was heard of it for ${SILENCE_MS} ms`)
      }
    })
  }

  /** It is not waited for. */
  #endSilent(member: Member, reason: string): void {
    const { control, bulk } = member
    this.#end(member, reason, REDEPLOY_MS - SILENCE_MS)
    control.terminate('goingAway')
    bulk?.terminate('goingAway')
  }

  #end(member: Member, reason: string, holdMs = 0): void {
    const { name, link, bulkLink, facts } = member
    if (this.#members.get(name) !== member) return
    this.#members.delete(name)
    this.#silence.forget(name)
    for (const each of [link, bulkLink]) each?.close('goingAway')
    if (facts === null) return
    this.#owner.events$.next({ kind: 'NodeLost', node: name, reason })
    this.#owner.left(name, holdMs)
    for (const slot of this.slotsOn(name)) slot.lost(reason)
  }
}

/** When bytes last came, on whichever connection. */
const heardMs = ({ control, bulk }: Member): number =>
  Math.max(control.lastReceivedMs, bulk?.lastReceivedMs ?? control.lastReceivedMs)
