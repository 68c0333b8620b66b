/**
 * The sending end of a channel over a link: encodes batches into frames, one credit each.
 *
 * A batch is encoded when there is credit for it and not before, so what waits is records, not
 * bytes. It may take several frames, and a record too large for one leaves in fragments.
 */
import {
  BARRIER,
  BATCH_RECORDS_MAX,
  type Batch,
  END,
  IDLE,
  type Marker,
  WATERMARK,
} from '../operators/signal.js'
import { BatchEncoder, type Records } from '../wire/encoder.js'
import {
  CREDIT_FRAME,
  encodeBarrier,
  encodeEnd,
  encodeIdle,
  encodeWatermark,
  type Frame,
  stampData,
} from '../wire/frame.js'
import { type Carrier, ChannelOutput } from './channel-output.js'
import {
  channelLost,
  FrameCheck,
  FrameNumbering,
  type RemotePlace,
  sendFrame,
} from './remote-end.js'

/** What travels beside the records: keys and groups, groups only, or nothing. */
export type KeyShipping = 'shipped' | 'derived' | 'dropped'

export interface RemoteOutputOptions {
  /** Credits the channel has from the start, as in the receiver's ledger. */
  readonly exclusive: number
  /** Name of the sending operator, for error messages. */
  readonly operator: string
  /**
   * 'derived': the receiver computes the keys again; 'dropped': their scope has ended. Default
   * 'shipped'.
   */
  readonly keys?: KeyShipping
}

export class RemoteOutput {
  readonly place: RemotePlace
  /** The end that the outlet gets. */
  readonly channel: ChannelOutput
  readonly #check: FrameCheck
  readonly #carrier: FrameCarrier

  /** `onClosed` is called when the outlet closes the channel. */
  constructor(place: RemotePlace, options: RemoteOutputOptions, onClosed: () => void) {
    this.place = place
    this.#check = new FrameCheck(place)
    this.#carrier = new FrameCarrier(place, options, onClosed)
    this.channel = new ChannelOutput(place.id, options.exclusive, this.#carrier)
  }

  /** A credit or cancel frame has come. What it lets go of may turn out not to be sendable. */
  receive(frame: Frame): void {
    const refusal = this.#check.refuse(frame)
    if (refusal !== null) {
      this.channel.fail(refusal)
      return
    }
    try {
      if (frame.kind === CREDIT_FRAME) this.channel.grant(frame.upToSequence)
      else this.channel.cancel()
    } catch (error) {
      this.channel.fail(error as Error)
    }
  }

  /** Credits for the receiver before. */
  stale(): void {}

  /** The link is gone; harmless once everything was sent. */
  lose(reason: Error): void {
    if (!this.#carrier.ended) this.channel.fail(channelLost(this.place, reason))
  }
}

class FrameCarrier implements Carrier {
  readonly lazyMarkers = true
  /** The end has been sent. */
  ended = false
  readonly #place: RemotePlace
  readonly #keys: KeyShipping
  readonly #encoder: BatchEncoder
  readonly #numbering: FrameNumbering
  readonly #onClosed: () => void

  constructor(place: RemotePlace, options: RemoteOutputOptions, onClosed: () => void) {
    this.#place = place
    this.#keys = options.keys ?? 'shipped'
    this.#encoder = new BatchEncoder({ operator: options.operator })
    this.#numbering = new FrameNumbering(place)
    this.#onClosed = onClosed
  }

  get recordsPerUnit(): number {
    return Math.min(this.#encoder.recordsPerFrame, BATCH_RECORDS_MAX)
  }

  carry(batch: Batch, start: number, backlog: number): number {
    const frame = this.#encoder.encode(this.#columns(batch), start, batch.records.length)
    stampData(frame, this.#numbering.next(), backlog)
    sendFrame(this.#place, frame)
    return this.#encoder.next
  }

  mark(marker: Marker): void {
    sendFrame(this.#place, this.#encodeMarker(marker))
    if (marker.tag === END) this.ended = true
  }

  close(): void {
    this.#onClosed()
  }

  #columns(batch: Batch): Records {
    if (this.#keys === 'shipped' || batch.keys === null) return batch
    const groups = this.#keys === 'derived' ? batch.groups : null
    return { records: batch.records, keys: null, groups, times: batch.times }
  }

  #encodeMarker(marker: Marker): ArrayBuffer {
    const head = this.#numbering.next()
    switch (marker.tag) {
      case WATERMARK:
        return encodeWatermark(head, marker.timeMs)
      case BARRIER:
        return encodeBarrier(head, marker.round, marker.full, marker.unaligned)
      case IDLE:
        return encodeIdle(head, marker.active)
      case END:
        return encodeEnd(head)
    }
  }
}
