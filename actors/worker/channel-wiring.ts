/**
 * Makes the channels of one region in one slot: by reference where both ends are here, by the router
 * where the other end is in a peer slot.
 *
 * The receiving side owns the ledger of credits of its inlet, so channels are made inlet by inlet;
 * what remains are the sending ends of channels that lead out of the slot.
 */
import type { ChannelId, InputChannel, OutputChannel } from '../../lib/channel/channel.js'
import type { LinkRouter } from '../../lib/channel/link-router.js'
import { createLocalChannel } from '../../lib/channel/local-channel.js'
import { createCreditLedger } from '../../lib/credit/ledger.js'
import type { Plan } from '../../lib/graph/plan.js'
import { channelsOf, slotOf } from '../../lib/graph/subtasks.js'
import type { SlotSetup } from './protocol.js'

export interface Wiring {
  /** Receiving ends of an edge at subtask `index`, by sending subtask. */
  inputs(edge: number, index: number): readonly InputChannel[]
  /** Sending ends of an edge at subtask `index`, by receiving subtask. */
  outputs(edge: number, index: number): readonly OutputChannel[]
}

export function wireChannels(
  setup: SlotSetup,
  region: number,
  attempt: number,
  router: LinkRouter,
): Wiring {
  const { plan, slot, slots, settings } = setup
  const inputs: InputChannel[] = []
  const outputs: OutputChannel[] = []
  const isHere = (index: number) => slotOf(index, slots) === slot

  for (const chain of plan.regions[region]!.chains) {
    for (let to = 0; to < plan.chains[chain]!.parallelism; to++) {
      const ids = channelsInto(plan, chain, to)
      if (ids.length === 0) continue
      if (!isHere(to)) {
        const leaving = ids.filter(({ from }) => isHere(from))
        for (const id of leaving) {
          const peer = slotName(slotOf(to, slots))
          const operator = plan.chains[plan.edges[id.edge]!.from]!.name
          outputs.push(
            router.openOutput({
              id,
              attempt,
              peer,
              operator,
              exclusive: settings.exclusiveCredits,
              keys: shippingOf(plan, id.edge),
            }),
          )
        }
        continue
      }
      const { accounts } = createCreditLedger({
        channels: ids.length,
        exclusive: settings.exclusiveCredits,
        floating: settings.floatingCredits,
      })
      for (const [position, id] of ids.entries()) {
        const credits = accounts[position]!
        if (isHere(id.from)) {
          const { input, output } = createLocalChannel({ id, credits })
          inputs.push(input)
          outputs.push(output)
        } else {
          const peer = slotName(slotOf(id.from, slots))
          inputs.push(router.openInput({ id, attempt, peer, credits }))
        }
      }
    }
  }
  return {
    inputs: (edge, index) => inputs.filter(({ id }) => id.edge === edge && id.to === index),
    outputs: (edge, index) => outputs.filter(({ id }) => id.edge === edge && id.from === index),
  }
}

/** Name of a slot as a peer on a link. */
export const slotName = (slot: number): string => `slot ${slot}`

/** Keys travel only where the receiving chain is in their scope and cannot compute them itself. */
function shippingOf(plan: Plan, edge: number): 'shipped' | 'derived' | 'dropped' {
  const { partitioner, to } = plan.edges[edge]!
  if (partitioner.kind === 'hash') return partitioner.key
  return plan.chains[to]!.keyed ? 'shipped' : 'dropped'
}

/** Channels into one subtask, edge by edge, in the order of senders. */
function channelsInto(plan: Plan, chain: number, to: number): ChannelId[] {
  return plan.chains[chain]!.inputs.flatMap((id) => {
    const edge = plan.edges[id]!
    return channelsOf(plan, edge)
      .filter((pair) => pair.to === to)
      .map(({ from }) => ({ edge: id, from, to }))
  })
}
