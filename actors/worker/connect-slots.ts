/** Joins slots by message channels, one per pair; the ports carry frames. */
import { MessageChannel } from 'node:worker_threads'
import type { Slot } from './protocol.js'

/** Numbers the connections of this process, so that no frame of an older one is mistaken. */
let connections = 0

/** Connects each slot with each other one. Resolves when all have taken their ports. */
export async function connectSlots(slots: readonly Slot[]): Promise<void> {
  await Promise.all(slots.map((slot, at) => connectSlot(slot, slots.slice(0, at))))
}

/** Connects one slot, new or replaced, with others. */
export async function connectSlot(slot: Slot, others: readonly Slot[]): Promise<void> {
  await Promise.all(
    others.map(async (other) => {
      const { port1, port2 } = new MessageChannel()
      const session = ++connections
      await Promise.all([
        slot.commands.connect(other.index, port1, session),
        other.commands.connect(slot.index, port2, session),
      ])
    }),
  )
}
