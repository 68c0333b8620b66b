/**
 * The threads of a job that are started before there is a plan: to load the runtime takes each of them longer than
 * all else that the job waits for, and none of it depends on the job. So they do it while the module is bundled.
 */
import { availableParallelism } from 'node:os'
import { systemClock } from '../../lib/base/clock.js'
import { SpareThreads } from '../kernel/spare-threads.js'
import { PlanningThread } from '../planner/planning-thread.js'
import { SLOT_MEMORY_MB } from '../worker/protocol.js'
import { SlotWorker } from '../worker/slot-worker.js'

export class ThreadsAhead {
  readonly #slots: number
  readonly #planners = new SpareThreads(systemClock, () => new PlanningThread())
  readonly #workers: SpareThreads<SlotWorker>

  /** `memoryMb`: of a slot, 0 for V8's own limits only. */
  constructor(slots: number, memoryMb = SLOT_MEMORY_MB) {
    this.#slots = slots
    const memoryBytesMax = memoryMb * 2 ** 20
    this.#workers = new SpareThreads(systemClock, () => new SlotWorker({ memoryBytesMax }))
  }

  /** One that plans, and no more slots than cores, since more do not come sooner. Once more it does nothing. */
  start(): void {
    this.#planners.start(1)
    this.#workers.start(Math.min(this.#slots, availableParallelism()))
  }

  /** Undefined: none is there, so another one is started. */
  takePlanner(): PlanningThread | undefined {
    return this.#planners.take() ?? undefined
  }

  takeWorker(): SlotWorker | undefined {
    return this.#workers.take() ?? undefined
  }

  /** Ends those that nobody has taken. */
  async close(): Promise<void> {
    await Promise.all([this.#planners.close(), this.#workers.close()])
  }
}
