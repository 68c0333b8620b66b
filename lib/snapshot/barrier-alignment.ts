/**
 * The alignment of barriers in front of a chain: which channels have to wait, and when the barrier may
 * go on. A pure decision; the inlet obeys.
 *
 * ## States of a round, per inlet
 * ```
 *            first barrier, or request            barrier or end of every channel
 * (none) ────────────────────────────→ Aligning ──────────────────────────────────→ (done)
 *    │                                    │ overtake, and no other channel must align
 *    │                                    ├────────────────────────────────────────→ (done)
 *    │                                    │ abandon, or a barrier of a later round
 *    │                                    └────────────────────────────────────────→ (done)
 *    └─── overtake ──→ as above
 * ```
 * - A channel whose barrier has come is blocked: what follows the barrier belongs to no round yet. It
 *   waits in the channel, where credits bound it. The other channels are read on, so that their
 *   barriers can come. (Mode `at-least-once`: nothing is blocked; what overtakes is counted twice after
 *   a restart.)
 * - A channel that has ended says all that a barrier says.
 * - `request` opens a round from outside. Every subtask is told of every round, so one whose senders
 *   have all finished, and which no barrier would ever reach, takes part too.
 * - An unaligned round waits for nothing (`overtake`), but for the channels whose records cannot be dealt
 *   out: those align as ever. The barrier goes on at once, and what the other channels bring before
 *   theirs (`overtake` names these channels) is logged: it is processed behind the barrier here, and
 *   before it where the snapshot is restored. Their barriers are no news when they come.
 * - Rounds are numbered upwards. What belongs to a round that is done changes nothing.
 */
import { assert } from '../base/assert.js'

export class BarrierAlignment {
  /** Round that is being aligned; 0: none. */
  round = 0
  readonly #exactly: boolean
  readonly #mayOvertake: (channel: number) => boolean
  readonly #hasBarrier: boolean[]
  readonly #hasEnded: boolean[]
  #done = 0

  /**
   * `exactly`: false lets channels overtake each other (at least once). `mayOvertake`: false for
   * channels that always align.
   */
  constructor(
    channels: number,
    exactly = true,
    mayOvertake: (channel: number) => boolean = () => true,
  ) {
    this.#mayOvertake = mayOvertake
    assert(channels > 0, 'there is at least one channel to align')
    this.#exactly = exactly
    this.#hasBarrier = new Array<boolean>(channels).fill(false)
    this.#hasEnded = new Array<boolean>(channels).fill(false)
  }

  /** True while nothing may be taken from the channel. */
  isBlocked(channel: number): boolean {
    return this.#exactly && this.#hasBarrier[channel]!
  }

  /** The round has passed, or never will: nothing more comes of it. */
  isOver(round: number): boolean {
    return round <= this.#done || round < this.round
  }

  /**
   * The round is unaligned. Null: something still has to align, so ask again; else the barrier goes on,
   * and these are the channels whose own has not come. *Caller must* see `isOver` first.
   */
  overtake(round: number): readonly number[] | null {
    assert(!this.isOver(round), 'a round is passed once')
    this.#open(round)
    const late: number[] = []
    for (let channel = 0; channel < this.#hasBarrier.length; channel++) {
      if (this.#hasBarrier[channel] || this.#hasEnded[channel]) continue
      if (!this.#mayOvertake(channel)) return null
      late.push(channel)
    }
    this.#done = round
    this.#close()
    return late
  }

  /** A barrier has come; true: with it the round is aligned, and the barrier goes on. */
  barrier(channel: number, round: number): boolean {
    if (this.isOver(round)) return false
    this.#open(round)
    this.#hasBarrier[channel] = true
    return this.#settle()
  }

  /** The channel has ended; true: with that the round is aligned. */
  end(channel: number): boolean {
    this.#hasEnded[channel] = true
    return this.round !== 0 && this.#settle()
  }

  /** The channel begins anew, under another sender. */
  restart(channel: number): void {
    this.#hasEnded[channel] = false
    this.#hasBarrier[channel] = false
  }

  /** The round has been begun; true: there is nothing to wait for. */
  request(round: number): boolean {
    if (round <= this.#done || round <= this.round) return false
    this.#open(round)
    return this.#settle()
  }

  /** The round is given up: nobody waits for its barriers any more. */
  abandon(round: number): void {
    this.#done = Math.max(this.#done, round)
    if (this.round !== 0 && this.round <= round) this.#close()
  }

  #open(round: number): void {
    if (this.round === round) return
    // What the earlier one waited for will not come: its senders have gone on to this one.
    if (this.round !== 0) this.#done = this.round
    this.#close()
    this.round = round
  }

  #settle(): boolean {
    const { length } = this.#hasBarrier
    for (let i = 0; i < length; i++) {
      if (!this.#hasBarrier[i] && !this.#hasEnded[i]) return false
    }
    this.#done = this.round
    this.#close()
    return true
  }

  #close(): void {
    this.round = 0
    this.#hasBarrier.fill(false)
  }
}
