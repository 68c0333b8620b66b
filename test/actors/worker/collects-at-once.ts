/** A thread that collects its garbage fully when all threads of `workerData` have come so far. */
import { parentPort, workerData } from 'node:worker_threads'
import { createMemoryGuard } from '../../../actors/worker/memory-guard.js'

const { arrived, threads } = workerData as { arrived: Int32Array; threads: number }
let reads = 0
const guard = createMemoryGuard({ slot: 0, budgetBytes: 100, read: () => (reads++ === 0 ? 90 : 1) })
Atomics.add(arrived, 0, 1)
while (Atomics.load(arrived, 0) < threads);
guard.check('count', 0)
parentPort?.postMessage(reads)
