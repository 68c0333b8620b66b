/**
 * Freed memory that the process keeps, to use it again.
 *
 * Frames are freed by the garbage collector, up to 32 MiB at once (twice V8's semi-space). glibc gives what is
 * free at the end of its heap back to the system from 128 KiB on, and each frame then has to be faulted in
 * again page by page: a tenth of the CPU time of either end of a link that carries frames, measured in turn
 * (`npm run bench -- hosts --job throughput`). But its limit follows a process that frees large blocks:
 * it becomes twice the size of the largest one (mallopt(3), M_TRIM_THRESHOLD and M_MMAP_THRESHOLD).
 *
 * Who sets MALLOC_TRIM_THRESHOLD_ or MALLOC_MMAP_THRESHOLD_ has the last word; other C libraries heed nothing
 * of this.
 */

/** At the end of the heap of each thread, at most: 8 threads that had 40 MiB each kept 165 MiB more (measured). */
const KEPT_BYTES = 32 * 2 ** 20

let isKept = false

/** Once is enough for all threads of the process. */
export function keepFreedMemory(): void {
  if (isKept) return
  isKept = true
  // Never written to, so that it takes no memory; the next garbage collection frees it.
  Buffer.allocUnsafeSlow(KEPT_BYTES / 2)
}
