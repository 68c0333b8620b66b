/**
 * A thread that becomes a slot: `slot-thread.ts` runs in it, loads the runtime and answers commands. Which slot
 * of which job it is turns out with the first of them, so it can be started before there is a job.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { createVitalsMemory } from '../../lib/metrics/vitals.js'
import { heapLimitsFor } from './memory-guard.js'
import type { SlotThreadData } from './slot-thread.js'
import { ThreadInspector } from './thread-inspector.js'

export interface SlotWorkerOptions {
  /** Budget of heap and external memory, as in `RuntimeSettings`; 0: V8's own limits only. */
  readonly memoryBytesMax: number
  /** Module that exports `createSlotRuntime`. Default: the runtime of this package. */
  readonly runtime?: URL | undefined
}

export class SlotWorker extends ThreadInspector {
  /** Commands go here. */
  readonly port: MessagePort
  readonly vitals: SharedArrayBuffer

  constructor(options: SlotWorkerOptions) {
    const { port1, port2 } = new MessageChannel()
    const vitals = createVitalsMemory()
    super(() => startWorker(options, port2, vitals))
    this.port = port1
    this.vitals = vitals
  }
}

function startWorker(
  { memoryBytesMax, runtime }: SlotWorkerOptions,
  port: MessagePort,
  vitals: SharedArrayBuffer,
): Worker {
  const workerData: SlotThreadData = { port, vitals, runtime: runtime?.href ?? null }
  return new Worker(new URL('./slot-thread.js', import.meta.url), {
    name: 'slot',
    workerData,
    transferList: [port],
    resourceLimits: heapLimitsFor(memoryBytesMax),
  })
}
