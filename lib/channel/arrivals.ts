/**
 * What arrives on a channel while an unaligned round logs it: the part of both receiving ends that
 * keeps `InputChannel.log`.
 */
import { BARRIER, BATCH, type Barrier, END, type Marker } from '../operators/signal.js'
import type { ArrivalLog } from './channel.js'
import type { Data, SignalQueue } from './signal-queue.js'

export class Arrivals<D extends Data> {
  readonly #add: (log: ArrivalLog, data: D) => void
  #log: ArrivalLog | null = null
  #round = 0

  /** `add`: gives a log what stands for a batch. */
  constructor(add: (log: ArrivalLog, data: D) => void) {
    this.#add = add
  }

  begin(round: number, log: ArrivalLog, queue: SignalQueue<D>): void {
    this.#log = log
    this.#round = round
    queue.forEach((entry) => void this.arrive(entry))
  }

  /** To be called with everything that arrives, in order. */
  arrive(entry: D | Marker): void {
    if (this.#log === null) return
    if (entry.tag === BATCH) this.#add(this.#log, entry as D)
    else if (entry.tag === END || (entry.tag === BARRIER && this.#isDue(entry))) this.end()
  }

  end(): void {
    const log = this.#log
    this.#log = null
    log?.end()
  }

  drop(): void {
    this.#log = null
  }

  #isDue(barrier: Barrier): boolean {
    return barrier.round >= this.#round
  }
}
