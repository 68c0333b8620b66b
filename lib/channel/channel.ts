/**
 * The channel contract: the ordered link from one subtask to one subtask.
 *
 * A channel has a sending end, an `OutputChannel`, in the outlet of one subtask and a receiving end,
 * an `InputChannel`, in the inlet of another. Both ends are passive: they decide nothing about when
 * to run, they tell their owner that it may run (`onWritable`, `onReadable`).
 *
 * ## Protocol
 * - Data needs credit: one credit pays for one batch (in-thread) or one frame. The receiver grants
 *   credits as it consumes; the sender announces with each frame how many more wait (backlog).
 * - Each channel keeps `exclusive` ≥ 1 credits of its own; `floating` ones are shared by the channels
 *   of an inlet and lent to those with a backlog. Worked example: 2 exclusive, 8 floating, 4 channels:
 *   at most 4 × 2 + 8 = 16 frames of ≤ 64 KiB, 1 MiB, can ever wait in the inlet.
 * - Barriers, watermarks, idleness, end and cancel need no credit. They keep their place in the
 *   order of data. Consecutive watermarks, and changes of idleness, coalesce while they wait.
 * - Credits count data only, from 1, and are granted as an absolute bound (`lib/credit`). Both ends
 *   know `exclusive`, so the first data needs no grant. *Caller must* open every input channel
 *   before any output channel of the same attempt is written to.
 * - An unaligned barrier goes ahead of what the sending end holds (`overtake`; `hurry`, where it waits
 *   already), and the receiving end tells of it as soon as it arrives (`onBarrier`). What it overtakes is
 *   in flight: at the barrier each record lies at exactly one of three places.
 *   1. It has been taken: it is in the state of the receiver.
 *   2. The sending end holds it, wholly or its last fragment: `overtake` returns it.
 *   3. It has left and was not taken: the receiver's `log` has it, which runs until the barrier arrives.
 *   Overtaken data stay where they are, cost their credit, and are taken in their turn. Watermarks and
 *   idleness that were overtaken are not stored: whoever goes on from the snapshot says them again.
 * - Frames carry channel, attempt, session and sequence. A gap, a repeated sequence number, or a frame
 *   of another attempt or session fails the channel; it never passes.
 * - `cancel` travels against the data: the receiver needs no more. The sender may drop what waits and
 *   owes only `end`.
 * - What the sending end may hold without credit: the records of one unfinished frame per channel
 *   and the batch that was being partitioned, less than 2 × BATCH_RECORDS_MAX records in all; then
 *   `writable` is false.
 * - Callbacks (`onWritable`, `onReadable`, `onBarrier`, `onFailure`) are called in the middle of the work of the
 *   other end: they MUST only note or schedule something, never call a channel.
 */
import { BATCH, type Barrier, type Batch, type Marker } from '../operators/signal.js'

/** Identity of a channel within a job: edge, sending subtask, receiving subtask. */
export interface ChannelId {
  readonly edge: number
  readonly from: number
  readonly to: number
}

export const channelName = (id: ChannelId): string => `${id.edge}:${id.from}>${id.to}`

export interface OutputChannel {
  readonly id: ChannelId
  /** False while something waits for credit: write no further batch. */
  readonly writable: boolean
  /** True once the receiver needs no more. */
  readonly cancelled: boolean
  /**
   * Takes one record (with key and group behind `keyBy`, else group −1; with its event time, else NaN). Collected into batches;
   * sent when a batch is full by count or bytes, or at `flush`.
   */
  push(record: unknown, key: unknown, group: number, timeMs?: number): void
  /**
   * Takes a whole batch: what was pushed before goes first. The batch is handed over; a small one
   * may be collected with others until `flush`.
   */
  pushBatch(batch: Batch): void
  /** Sends what was collected, as far as credit allows. */
  flush(): void
  /** Flushes, then sends a signal other than a batch, in order. */
  signal(signal: Marker): void
  /**
   * Sends a barrier ahead of everything that is held, and returns the records that it overtook, in
   * order. They are held as before, and follow it.
   */
  overtake(barrier: Barrier): readonly Batch[]
  /** As `overtake`, for a barrier that waits behind data already; returns nothing where none does. */
  hurry(round: number): readonly Batch[]
  /**
   * True while an unaligned barrier passes the chain: what that flushes is taken although nothing is
   * writable, and overtaken at once. The outlet's owner sets it, and bounds how much that is.
   */
  flooded: boolean
  /** True while the barrier of that round waits for its turn. */
  holdsBarrier(round: number): boolean
  /** Called when `writable` or `cancelled` becomes true. */
  onWritable: () => void
  /** Called once when the link under the channel is lost. */
  onFailure: (error: Error) => void
  /** True when `flush` has nothing to do: what is held goes by itself with the next credit. */
  readonly flushed: boolean
  /**
   * Records taken and not sent yet; less than 2 × BATCH_RECORDS_MAX, and while an unaligned barrier
   * passes the chain, what that flushes beside.
   */
  readonly held: number
  close(): void
}

/** What an unaligned round keeps of one channel: see `InputChannel.log`. */
export interface ArrivalLog {
  /** A batch, or a frame as it came: of a large record all fragments, which may lack the last ones. */
  add(data: Batch | ArrayBuffer): void
  /** No more comes: the barrier, or the end, has arrived. */
  end(): void
}

export interface InputChannel {
  readonly id: ChannelId
  /** The next signal in order, or null. Taking a batch returns its credit. */
  take(): Batch | Marker | null
  /** True when `take` may return something. */
  readonly readable: boolean
  /** Number, from 1, of the batch taken last among the channel's batches; for dead letters. */
  readonly sequence: number
  /** Batches that have arrived and were not taken yet. */
  readonly held: number
  /**
   * Gives the data that lie before the barrier of an unaligned round: what has arrived and was not
   * taken, at once; then what arrives, until the barrier of that round, a later one, or the end has.
   * One round at a time: a new log takes the place of the one before. `cancel` ends it too: what has been
   * taken until then is all that anybody will have made anything of.
   */
  log(round: number, log: ArrivalLog): void
  /** Gives nothing more to the log, and does not end it. */
  unlog(): void
  /** Says that no more is needed; what arrives is dropped until `end`. */
  cancel(): void
  /** Called when an unaligned barrier has arrived, whatever waits before it. */
  onBarrier: (barrier: Barrier) => void
  onReadable: () => void
  /** Called once when the channel fails: gap, stale frame, damaged frame, lost link. */
  onFailure: (error: Error) => void
  close(): void
}

/** Takes what is left on a channel that nobody will read, and counts its records. */
export function countUnread(channel: InputChannel): number {
  let records = 0
  for (let signal = channel.take(); signal !== null; signal = channel.take()) {
    if (signal.tag === BATCH) records += signal.records.length
  }
  return records
}
