/**
 * The channels of one region in one slot: by reference where both ends are here, by the router where
 * the other end is in a peer slot.
 *
 * The receiving side owns the ledger of credits of its inlet, so channels are made inlet by inlet;
 * what remains are the sending ends of channels that lead out of the slot. When a single subtask is
 * replaced, its channels are made anew under a larger number, and the neighbours get their ends.
 */
import {
  type ChannelId,
  channelName,
  countUnread,
  type InputChannel,
  type OutputChannel,
} from '../../lib/channel/channel.js'
import type { LinkRouter } from '../../lib/channel/link-router.js'
import { createLocalChannel } from '../../lib/channel/local-channel.js'
import { type CreditLedger, createCreditLedger } from '../../lib/credit/ledger.js'
import { exclusiveShare } from '../../lib/credit/share.js'
import type { Plan } from '../../lib/graph/plan.js'
import { channelsOf, type SubtaskId, slotOf, subtaskName } from '../../lib/graph/subtasks.js'
import type { Renewal } from '../subtask/protocol.js'
import type { SlotSetup } from './protocol.js'

export interface Wiring {
  /** Receiving ends of an edge at subtask `index`, by sending subtask. */
  inputs(edge: number, index: number): readonly InputChannel[]
  /** Sending ends of an edge at subtask `index`, by receiving subtask. */
  outputs(edge: number, index: number): readonly OutputChannel[]
  /** Makes anew every end that is here of the channels of one subtask. */
  renew(subtask: SubtaskId, revision: number): Renewal
  /** Closes every end. */
  close(): void
}

export interface WiringParts {
  readonly setup: SlotSetup
  readonly region: number
  readonly attempt: number
  readonly router: LinkRouter
  /** Told of records that were on their way to the subtask when a channel of it was made anew. */
  readonly onLost: (subtask: SubtaskId, records: number) => void
}

export function wireChannels(parts: WiringParts): Wiring {
  return new RegionWiring(parts)
}

class RegionWiring implements Wiring {
  readonly #parts: WiringParts
  readonly #plan: Plan
  /** By channel name, in the order in which they were first made. */
  readonly #inputs = new Map<string, InputChannel>()
  readonly #outputs = new Map<string, OutputChannel>()
  /** By receiving subtask. */
  readonly #ledgers = new Map<string, CreditLedger>()

  constructor(parts: WiringParts) {
    this.#parts = parts
    this.#plan = parts.setup.plan
    const { region, attempt } = parts
    for (const chain of this.#plan.regions[region]!.chains) {
      for (let index = 0; index < this.#plan.chains[chain]!.parallelism; index++) {
        this.#makeInto({ chain, index }, attempt, null)
      }
    }
  }

  inputs(edge: number, index: number): readonly InputChannel[] {
    return [...this.#inputs.values()].filter(({ id }) => id.edge === edge && id.to === index)
  }

  outputs(edge: number, index: number): readonly OutputChannel[] {
    return [...this.#outputs.values()].filter(({ id }) => id.edge === edge && id.from === index)
  }

  renew(subtask: SubtaskId, revision: number): Renewal {
    const isHere = this.#isHere(subtask.index)
    const into = channelsInto(this.#plan, subtask)
    const outOf = channelsOutOf(this.#plan, subtask)
    const old = isHere ? into.map((id) => this.#inputs.get(channelName(id))!) : []
    // Taking gives credit: what a sender in this slot holds comes, and is counted, too.
    const unread = old.reduce((sum, channel) => sum + countUnread(channel), 0)
    for (const channel of old) channel.close()
    if (isHere) {
      for (const id of outOf) this.#outputs.get(channelName(id))!.close()
    }
    this.#makeInto(subtask, revision, revision)
    for (const id of outOf) this.#makeOutOf(id, revision)
    return {
      unread,
      inputs: outOf.flatMap((id) => ends(this.#inputs, id, this.#receiverOf(id))),
      outputs: into.flatMap((id) => ends(this.#outputs, id, this.#senderOf(id))),
    }
  }

  close(): void {
    for (const channel of this.#inputs.values()) channel.close()
    for (const channel of this.#outputs.values()) channel.close()
  }

  /** All channels into one subtask, with a ledger of their own where it is here. */
  #makeInto(to: SubtaskId, attempt: number, revision: number | null): void {
    const ids = channelsInto(this.#plan, to)
    if (ids.length === 0) return
    if (this.#isHere(to.index)) {
      const { inletCredits, floatingCredits } = this.#parts.setup.settings
      const ledger = createCreditLedger({
        channels: ids.length,
        exclusive: exclusiveShare(inletCredits, ids.length),
        floating: floatingCredits,
      })
      this.#ledgers.set(subtaskName(to), ledger)
      ids.forEach((id, position) => {
        this.#make(id, attempt, ledger.accounts[position]!, revision)
      })
    } else {
      for (const id of ids) if (this.#isHere(id.from)) this.#makeLeaving(id, attempt)
    }
  }

  /** One channel out of a subtask that is replaced, as far as it has ends here. */
  #makeOutOf(id: ChannelId, revision: number): void {
    const receiver = this.#receiverOf(id)
    if (this.#isHere(receiver.index)) {
      const names = channelsInto(this.#plan, receiver).map(channelName)
      const ledger = this.#ledgers.get(subtaskName(receiver))!
      this.#make(id, revision, ledger.renew(names.indexOf(channelName(id))), revision)
    } else if (this.#isHere(id.from)) this.#makeLeaving(id, revision)
  }

  /** A channel whose receiver is here. `revision`: it follows another. */
  #make(
    id: ChannelId,
    attempt: number,
    credits: CreditLedger['accounts'][number],
    revision: number | null,
  ): void {
    const { router, setup, onLost } = this.#parts
    if (this.#isHere(id.from)) {
      const { input, output } = createLocalChannel({ id, credits })
      this.#inputs.set(channelName(id), input)
      this.#outputs.set(channelName(id), output)
      return
    }
    const peer = slotName(slotOf(id.from, setup.slots))
    const receiver = this.#receiverOf(id)
    const onStale = (records: number) => onLost(receiver, records)
    const place = { id, attempt, peer, credits }
    const input = router.openInput(revision === null ? place : { ...place, onStale })
    this.#inputs.set(channelName(id), input)
  }

  /** The sending end of a channel that leads out of the slot. */
  #makeLeaving(id: ChannelId, attempt: number): void {
    const { setup, router } = this.#parts
    const output = router.openOutput({
      id,
      attempt,
      peer: slotName(slotOf(id.to, setup.slots)),
      operator: this.#plan.chains[this.#plan.edges[id.edge]!.from]!.name,
      exclusive: exclusiveShare(
        setup.settings.inletCredits,
        channelsInto(this.#plan, this.#receiverOf(id)).length,
      ),
      keys: shippingOf(this.#plan, id.edge),
    })
    this.#outputs.set(channelName(id), output)
  }

  #isHere(index: number): boolean {
    const { slot, slots } = this.#parts.setup
    return slotOf(index, slots) === slot
  }

  #receiverOf({ edge, to }: ChannelId): SubtaskId {
    return { chain: this.#plan.edges[edge]!.to, index: to }
  }

  #senderOf({ edge, from }: ChannelId): SubtaskId {
    return { chain: this.#plan.edges[edge]!.from, index: from }
  }
}

/** Name of a slot as a peer on a link. */
export const slotName = (slot: number): string => `slot ${slot}`

/** Keys travel only where the receiving chain is in their scope and cannot compute them itself. */
function shippingOf(plan: Plan, edge: number): 'shipped' | 'derived' | 'dropped' {
  const { partitioner, to } = plan.edges[edge]!
  if (partitioner.kind === 'hash') return partitioner.key
  // An input that is broadcast beside keyed ones has no keys.
  if (partitioner.kind === 'broadcast') return 'dropped'
  return plan.chains[to]!.keyed ? 'shipped' : 'dropped'
}

/** Channels into one subtask, edge by edge, in the order of senders. */
function channelsInto(plan: Plan, { chain, index }: SubtaskId): ChannelId[] {
  return channelsOn(plan, plan.chains[chain]!.inputs).filter(({ to }) => to === index)
}

/** Channels out of one subtask, edge by edge, in the order of receivers. */
function channelsOutOf(plan: Plan, { chain, index }: SubtaskId): ChannelId[] {
  return channelsOn(plan, plan.chains[chain]!.outputs).filter(({ from }) => from === index)
}

const channelsOn = (plan: Plan, edges: readonly number[]): ChannelId[] =>
  edges.flatMap((edge) =>
    channelsOf(plan, plan.edges[edge]!).map(({ from, to }) => ({ edge, from, to })),
  )

function ends<C>(channels: ReadonlyMap<string, C>, id: ChannelId, at: SubtaskId) {
  const channel = channels.get(channelName(id))
  return channel === undefined ? [] : [{ at, channel }]
}
