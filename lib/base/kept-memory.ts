/**
 * Memory that a process keeps for the frames of its links, so that it gets and loses less of it.
 *
 * Frames are freed by the garbage collector, up to 32 MiB at once (twice V8's semi-space).
 *
 * - **Freed blocks.** glibc gives what is free at the end of its heap back to the system from 128 KiB on, and each
 *   frame then has to be faulted in again page by page: a tenth of the CPU time of either end of a link that carries
 *   frames. But its limit follows a process that frees large blocks: it becomes twice the size of the largest one
 *   (mallopt(3), M_TRIM_THRESHOLD and M_MMAP_THRESHOLD).
 * - **A reserve.** V8 marks its whole heap when what lives there, and all buffers since it last did, come to about four
 *   times what lived then. Where that were 9 or 10 MB, as of a process that has little more than its modules, 32 MiB
 *   of frames are as much: it marked once per 42 MB received, for half of its CPU time, and let go of memory each time.
 *   With 8 MB more, in which nothing has to be marked, it does so sixty times less often.
 *
 * Both measured in turn (`npm run bench -- hosts --job throughput`). Who sets MALLOC_TRIM_THRESHOLD_ or
 * MALLOC_MMAP_THRESHOLD_ has the last word on the first; other C libraries heed nothing of it.
 */

/** At the end of the heap of each thread, at most: 8 threads that had 40 MiB each kept 165 MiB more (measured). */
const FREED_BYTES = 32 * 2 ** 20
/** Doubles, so that V8 lays them out as bare numbers, 8 MB of them. */
const RESERVE_LENGTH = 1_000_000

let reserve: readonly number[] | null = null

/** Once is enough. In the thread that has the links: the others keep records, of which they have more. */
export function keepMemory(): void {
  if (reserve !== null) return
  reserve = new Array<number>(RESERVE_LENGTH).fill(0.5)
  // Never written to, so that it takes no memory; the next garbage collection frees it.
  Buffer.allocUnsafeSlow(FREED_BYTES / 2)
}
