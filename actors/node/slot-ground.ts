/** What the slots of a node stand on: worker threads, started in advance where the node has the time. */
import { availableParallelism } from 'node:os'
import { type Clock, systemClock } from '../../lib/base/clock.js'
import { SpareThreads } from '../kernel/spare-threads.js'
import { SLOT_MEMORY_MB, type Slot } from '../worker/protocol.js'
import { SlotWorker } from '../worker/slot-worker.js'
import { createThreadSlot } from '../worker/thread-slot.js'
import { workerSessions } from '../worker/worker-sessions.js'
import type { RemoteSetup } from './protocol.js'

/** A simulation has a clock of its own, and slots that are no threads. */
export interface SlotGround {
  readonly clock: Clock
  open(setup: RemoteSetup): Slot
  /** So many more may be opened. */
  expect(slots: number): void
  /** No more are expected, and none waits in advance any more. */
  close(): Promise<void>
}

/** Most jobs do not ask for another budget, and the limits of a thread cannot be changed. */
const SPARE_BYTES_MAX = SLOT_MEMORY_MB * 2 ** 20
/** More than cores do not start sooner than one behind the other; each takes about 30 MiB while it waits. */
const SPARES_MAX = Math.min(4, availableParallelism())

export class ThreadGround implements SlotGround {
  readonly clock: Clock
  readonly #spares: SpareThreads<SlotWorker>

  constructor(clock: Clock = systemClock) {
    // Before a thread is, of this node or of what else its process does.
    workerSessions()
    this.clock = clock
    const start = () => new SlotWorker({ memoryBytesMax: SPARE_BYTES_MAX })
    this.#spares = new SpareThreads(clock, start)
  }

  open({ slot, settings: { memoryBytesMax }, stallMs }: RemoteSetup): Slot {
    const spare = memoryBytesMax === SPARE_BYTES_MAX ? this.#spares.take() : null
    return createThreadSlot({
      index: slot,
      memoryBytesMax,
      ...(spare !== null && { thread: spare }),
      ...(stallMs !== null && { stallMs }),
    })
  }

  expect(slots: number): void {
    this.#spares.keep(Math.min(slots, SPARES_MAX))
  }

  close(): Promise<void> {
    return this.#spares.close()
  }
}
