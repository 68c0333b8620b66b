/**
 * The receiving end of a channel over a link: keeps frames as they came and decodes a batch when it
 * is taken, so that what waits is frames, bounded by credits.
 */
import type { MillraceError } from '../base/errors.js'
import type { CreditAccount } from '../credit/ledger.js'
import {
  BARRIER,
  BATCH,
  type Barrier,
  type Batch,
  batch,
  END,
  end,
  IDLE,
  type Marker,
  WATERMARK,
} from '../operators/signal.js'
import { BatchDecoder } from '../wire/decoder.js'
import {
  BARRIER_FRAME,
  type BarrierFrame,
  DATA_FRAME,
  END_FRAME,
  encodeCancel,
  encodeCredit,
  type Frame,
  IDLE_FRAME,
  openData,
  WATERMARK_FRAME,
} from '../wire/frame.js'
import { Arrivals } from './arrivals.js'
import type { ArrivalLog, ChannelId, InputChannel } from './channel.js'
import {
  channelBroken,
  channelLost,
  FrameCheck,
  FrameNumbering,
  type RemotePlace,
  sendFrame,
} from './remote-end.js'
import { SignalQueue } from './signal-queue.js'

/** A batch that is still encoded, or a fragment of a large record. */
interface EncodedBatch {
  readonly tag: typeof BATCH
  readonly frame: ArrayBuffer
}

export interface RemoteInputOptions {
  /** The channel's account in the ledger of its inlet. */
  readonly credits: CreditAccount
  /**
   * Told of records in frames of an older attempt, which are refused. A record that came in fragments
   * is not counted.
   */
  readonly onStale?: (records: number) => void
}

export class RemoteInput implements InputChannel {
  onReadable: () => void = () => {}
  onBarrier: (barrier: Barrier) => void = () => {}
  onFailure: (error: Error) => void = () => {}
  sequence = 0
  readonly place: RemotePlace
  readonly #credits: CreditAccount
  readonly #numbering: FrameNumbering
  readonly #check: FrameCheck
  readonly #onClosed: () => void
  readonly #onStale: (records: number) => void
  readonly #decoder = new BatchDecoder()
  readonly #queue = new SignalQueue<EncodedBatch>()
  readonly #arrivals = new Arrivals<EncodedBatch>((log, { frame }) => log.add(frame))
  /** Fragments taken of a record whose last one was not. */
  #fragments: ArrayBuffer[] = []
  #cancelled = false
  #ended = false
  /** Closed or failed: nothing comes in or out any more. */
  #over = false

  /** `onClosed` is called when the inlet closes the channel. */
  constructor(place: RemotePlace, options: RemoteInputOptions, onClosed: () => void) {
    const { credits, onStale = () => {} } = options
    this.place = place
    this.#credits = credits
    this.#onStale = onStale
    this.#numbering = new FrameNumbering(place)
    this.#check = new FrameCheck(place)
    this.#onClosed = onClosed
    credits.onGrant = (upToSequence) => {
      sendFrame(place, encodeCredit(this.#numbering.next(), upToSequence))
    }
  }

  get id(): ChannelId {
    return this.place.id
  }

  get readable(): boolean {
    return this.#queue.length > 0
  }

  get held(): number {
    return this.#queue.data
  }

  /** A data or signal frame has come. */
  receive(frame: Frame): void {
    if (this.#over) return
    const refusal = this.#check.refuse(frame)
    if (refusal !== null) this.fail(refusal)
    else if (this.#ended) this.fail(channelBroken(this.place, 'a frame came after the end'))
    else if (frame.kind !== DATA_FRAME) this.#arrive(markerOf(frame))
    else if (this.#credits.receive(frame.backlog)) this.#arrive({ tag: BATCH, frame: frame.frame })
    else this.fail(channelBroken(this.place, 'data came without credit'))
  }

  stale(frame: Frame): void {
    if (frame.kind !== DATA_FRAME) return
    const { fragment, count } = openData(frame.frame)
    if (!fragment) this.#onStale(count)
  }

  take(): Batch | Marker | null {
    for (let entry = this.#queue.shift(); entry !== undefined; entry = this.#queue.shift()) {
      if (entry.tag !== BATCH) return entry
      this.#credits.consume()
      const decoded = this.#decode(entry)
      if (decoded !== null) return decoded
    }
    return null
  }

  log(round: number, log: ArrivalLog): void {
    for (const fragment of this.#fragments) log.add(fragment)
    this.#arrivals.begin(round, log, this.#queue)
  }

  unlog(): void {
    this.#arrivals.drop()
  }

  cancel(): void {
    if (this.#cancelled || this.#over) return
    this.#cancelled = true
    this.#arrivals.end()
    this.#stop((entry) => entry.tag === END)
    if (!this.#ended) sendFrame(this.place, encodeCancel(this.#numbering.next()))
  }

  /** The link is gone; harmless once the end has come. */
  lose(reason: Error): void {
    if (!this.#ended) this.fail(channelLost(this.place, reason))
  }

  fail(error: MillraceError): void {
    if (this.#over) return
    this.#over = true
    this.#stop(() => false)
    this.onFailure(error)
  }

  close(): void {
    this.#over = true
    this.#stop(() => false)
    this.#onClosed()
  }

  #arrive(entry: EncodedBatch | Marker): void {
    if (entry.tag === END) this.#ended = true
    else if (this.#cancelled) return
    const wasEmpty = this.#queue.length === 0
    this.#queue.push(entry)
    this.#arrivals.arrive(entry)
    if (wasEmpty) this.onReadable()
    if (entry.tag === BARRIER && entry.unaligned) this.onBarrier(entry)
  }

  /** Null for a fragment that does not complete its record. */
  #decode({ frame }: EncodedBatch): Batch | null {
    try {
      const decoded = this.#decoder.decode(frame)
      if (decoded === null) {
        this.#fragments.push(frame)
        return null
      }
      this.#fragments.length = 0
      this.sequence += 1
      return batch(decoded.records, decoded.keys, decoded.groups, decoded.times)
    } catch (error) {
      this.fail(channelBroken(this.place, 'a frame could not be decoded', {}, error))
      return null
    }
  }

  #stop(keep: (entry: EncodedBatch | Marker) => boolean): void {
    this.#arrivals.drop()
    this.#fragments.length = 0
    this.#queue.retain(keep)
    this.#credits.close()
  }
}

/** As it was said: `unaligned` is present, or it is not. */
const barrierOf = ({ round, full, unaligned }: BarrierFrame): Barrier =>
  unaligned ? { tag: BARRIER, round, full, unaligned } : { tag: BARRIER, round, full }

function markerOf(frame: Frame): Marker {
  switch (frame.kind) {
    case WATERMARK_FRAME:
      return { tag: WATERMARK, timeMs: frame.timeMs }
    case BARRIER_FRAME:
      return barrierOf(frame)
    case IDLE_FRAME:
      return { tag: IDLE, active: frame.active }
    case END_FRAME:
      return end
    default:
      throw new Error(`broken law: no frame of kind ${frame.kind} comes to an input`)
  }
}
