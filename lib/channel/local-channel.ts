/**
 * A channel within one thread: batches are handed over by reference, one credit each.
 *
 * It keeps the same ledger as a channel between threads, so a job behaves the same wherever its
 * subtasks are placed. Nothing is copied or encoded, and nothing can get lost: it never fails.
 */
import type { CreditAccount } from '../credit/ledger.js'
import {
  BARRIER,
  BATCH,
  BATCH_RECORDS_MAX,
  type Barrier,
  type Batch,
  END,
  type Marker,
} from '../operators/signal.js'
import { Arrivals } from './arrivals.js'
import type { ArrivalLog, ChannelId, InputChannel, OutputChannel } from './channel.js'
import { type Carrier, ChannelOutput } from './channel-output.js'
import { SignalQueue } from './signal-queue.js'

export interface LocalChannelOptions {
  readonly id: ChannelId
  /** The channel's account in the ledger of the receiving inlet. */
  readonly credits: CreditAccount
}

export interface LocalChannel {
  readonly output: OutputChannel
  readonly input: InputChannel
}

export function createLocalChannel({ id, credits }: LocalChannelOptions): LocalChannel {
  const input = new LocalInput(id, credits)
  const output = new ChannelOutput(id, credits.exclusive, new LocalCarrier(input, credits))
  credits.onGrant = (upToSequence) => output.grant(upToSequence)
  input.onCancel = () => output.cancel()
  return { output, input }
}

class LocalCarrier implements Carrier {
  readonly recordsPerUnit = BATCH_RECORDS_MAX
  readonly lazyMarkers = false
  readonly #input: LocalInput
  readonly #credits: CreditAccount

  constructor(input: LocalInput, credits: CreditAccount) {
    this.#input = input
    this.#credits = credits
  }

  carry(batch: Batch, _start: number, backlog: number): number {
    this.#input.arrive(batch)
    this.#credits.receive(backlog)
    return batch.records.length
  }

  mark(marker: Marker): void {
    this.#input.arrive(marker)
  }

  close(): void {}
}

class LocalInput implements InputChannel {
  onReadable: () => void = () => {}
  onFailure: (error: Error) => void = () => {}
  onBarrier: (barrier: Barrier) => void = () => {}
  onCancel: () => void = () => {}
  sequence = 0
  readonly id: ChannelId
  readonly #credits: CreditAccount
  readonly #queue = new SignalQueue<Batch>()
  readonly #arrivals = new Arrivals<Batch>((log, batch) => log.add(batch))
  #cancelled = false
  #closed = false

  constructor(id: ChannelId, credits: CreditAccount) {
    this.id = id
    this.#credits = credits
  }

  get readable(): boolean {
    return this.#queue.length > 0
  }

  get held(): number {
    return this.#queue.data
  }

  arrive(signal: Batch | Marker): void {
    if (this.#closed || (this.#cancelled && signal.tag !== END)) return
    const wasEmpty = this.#queue.length === 0
    this.#queue.push(signal)
    this.#arrivals.arrive(signal)
    if (wasEmpty) this.onReadable()
    if (signal.tag === BARRIER && signal.unaligned) this.onBarrier(signal)
  }

  take(): Batch | Marker | null {
    const signal = this.#queue.shift()
    if (signal === undefined) return null
    if (signal.tag === BATCH) {
      this.sequence += 1
      this.#credits.consume()
    }
    return signal
  }

  log(round: number, log: ArrivalLog): void {
    this.#arrivals.begin(round, log, this.#queue)
  }

  unlog(): void {
    this.#arrivals.drop()
  }

  cancel(): void {
    if (this.#cancelled || this.#closed) return
    this.#cancelled = true
    this.#arrivals.end()
    this.#stop((signal) => signal.tag === END)
    this.onCancel()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#arrivals.drop()
    this.#stop(() => false)
  }

  #stop(keep: (signal: Batch | Marker) => boolean): void {
    this.#queue.retain(keep)
    this.#credits.close()
  }
}
