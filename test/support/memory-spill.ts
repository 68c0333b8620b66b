/** Spilled runs in memory: counts what was written, and what was left behind. */
import type { SpillStore } from '../../lib/spill/spill.js'
import { decodeCbor, encodeCbor } from '../../lib/wire/cbor.js'

export interface MemorySpill extends SpillStore {
  /** Runs begun so far. */
  readonly created: number
  /** Runs that are still there. */
  readonly living: number
  readonly closed: boolean
}

export function createMemorySpill(): MemorySpill {
  const living = new Set<number>()
  let created = 0
  let closed = false
  return {
    get created() {
      return created
    },
    get living() {
      return living.size
    },
    get closed() {
      return closed
    },
    create() {
      const run = created++
      const blocks: Uint8Array[] = []
      living.add(run)
      return {
        write: (block) => void blocks.push(encodeCbor(block)),
        finish: () => ({
          bytes: blocks.reduce((sum, { length }) => sum + length, 0),
          read: () => ({
            next() {
              const block = blocks.shift()
              if (block === undefined) living.delete(run)
              return block === undefined ? null : decodeCbor(block)
            },
          }),
        }),
      }
    },
    bytesOf: (value) => encodeCbor(value).length,
    close() {
      closed = true
      living.clear()
    },
  }
}
