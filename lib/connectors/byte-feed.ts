/**
 * The byte feed contract: the bytes of one input in order, handed over synchronously.
 *
 * - `next()` returns the next chunk, or `'waiting'` (the feed MUST call its `wake` once there is
 *   something), or `'end'`, or `'cut'`: the input ends here and another one begins at `offset` (a
 *   followed file was rotated or truncated).
 * - A chunk is valid until the next call of `next`.
 * - It reads ahead at most `READ_AHEAD_BLOCKS` blocks, and only after `next` was called.
 * - `next` throws what went wrong, after the chunks that came before it.
 * - `close()` may be called at any time, and twice.
 */
export interface ByteFeed {
  next(): Buffer | 'waiting' | 'end' | 'cut'
  /** Identity of the file that the last chunk came from; null where offsets say it all. */
  readonly inode: string | null
  /** Behind a `'cut'`: offset of the next byte. */
  readonly offset: number
  close(): void | Promise<void>
}

/** Large enough that one asynchronous read per block costs under 1 % of scanning it. */
export const BLOCK_BYTES = 256 * 1024
export const READ_AHEAD_BLOCKS = 2
