/**
 * The calling thread as a slot: the runtime without a thread between. User code runs in this thread,
 * so a function that never returns holds up the job's handle too, and nothing can end it; a watcher in
 * a thread of its own reports its stack all the same.
 */
import { isMainThread } from 'node:worker_threads'
import type { Clock } from '../../lib/base/clock.js'
import type { Random } from '../../lib/base/random.js'
import { createVitalsMemory, type Vitals } from '../../lib/metrics/vitals.js'
import type { OpenState } from '../../lib/state/state-backend.js'
import { useJobFolders } from '../worker/job-folders.js'
import { watchMainThread } from '../worker/main-thread-watch.js'
import type { ChunkAccess, Slot, SlotCommands, SlotEvent, SlotSetup } from '../worker/protocol.js'
import { createLocalHost, noChunks, startBeating } from '../worker/slot-host.js'
import { createSlotRuntime } from '../worker/slot-runtime.js'
import { subtasksOfSlot } from '../worker/stall-watch.js'

export interface LocalSlotOptions {
  readonly clock: Clock
  readonly random: Random
  /** Chooses which ready actor runs next; for tests. */
  readonly pick?: Random
  readonly openState?: OpenState
  /** Watches this thread for subtasks that make no progress, from a thread of its own. */
  readonly watch: boolean
}

export function createLocalSlot(index: number, options: LocalSlotOptions): Slot {
  return new LocalSlot(index, options)
}

class LocalSlot implements Slot {
  readonly index: number
  readonly commands: SlotCommands
  onEvent: (event: SlotEvent) => void = () => {}
  onResults: (records: readonly unknown[]) => Promise<void> = async () => {}
  chunks: ChunkAccess = noChunks

  #stopWatch: () => void = () => {}
  #leaveFolders: () => Promise<void> = async () => {}

  constructor(index: number, options: LocalSlotOptions) {
    this.index = index
    const memory = createVitalsMemory()
    const host = createLocalHost(
      memory,
      (event) => this.onEvent(event),
      (records) => this.onResults(records),
      {
        put: (round, id, bytes) => this.chunks.put(round, id, bytes),
        get: (round, ref) => this.chunks.get(round, ref),
      },
      options.clock,
    )
    this.commands = createSlotRuntime(host, {
      ...options,
      onSetUp: (setup) => {
        this.#leaveFolders = useJobFolders(setup)
        if (options.watch && isMainThread) this.#stopWatch = this.#watch(setup, memory, host.vitals)
      },
    })
  }

  async kill(): Promise<void> {
    this.#stopWatch()
    await this.commands.close()
    await this.#leaveFolders().catch(() => {})
  }

  #watch({ plan, counters }: SlotSetup, memory: SharedArrayBuffer, vitals: Vitals): () => void {
    const stopBeating = startBeating(vitals)
    const watch = watchMainThread({
      subtasks: subtasksOfSlot(plan, 0, 1),
      counters,
      vitals: memory,
      onStalled: (event) => this.onEvent(event),
    })
    return () => {
      stopBeating()
      void watch.stop()
    }
  }
}
