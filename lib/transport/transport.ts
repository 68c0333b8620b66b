/**
 * The transport contract: links that carry frames between slots.
 *
 * ## Contract
 * - A link is an ordered pipe of frames between two slots. What is sent arrives once, in order, or
 *   the link closes; it never continues after a gap. (Sequence numbers in the frames prove it.)
 * - `send` takes ownership of the buffer: the caller MUST NOT touch it again. It never blocks. What
 *   bounds it are the credits of the channels above, so a caller MUST NOT send data without credit.
 * - `poll` returns the next frame that has arrived, or null. Between batches a busy thread polls; an
 *   idle one is woken by `onReadable`, which fires at least once after frames arrive while it has
 *   been armed with `arm()`.
 * - It fires in a turn of its own or within `arm()`; its listener MUST only schedule work.
 * - What was sent before the other side called `close()` can still be polled after `onClose`; after
 *   `close()` on this side nothing can. A frame sent on a closed link is dropped.
 * - `onClose` fires once, with null after `close()` on this side, else with the reason; a
 *   listener that comes after the end is told at once.
 */
export interface Link {
  /** Name of the slot at the other end. */
  readonly peer: string
  send(frame: ArrayBuffer): void
  poll(): ArrayBuffer | null
  /** Asks for one `onReadable` when the next frame arrives. */
  arm(): void
  onReadable(listener: () => void): void
  onClose(listener: (reason: Error | null) => void): void
  close(): void
}
