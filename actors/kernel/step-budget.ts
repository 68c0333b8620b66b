/**
 * One turn's budget, used again for every turn.
 *
 * Reading the clock costs about as much as a small message, so it is read every `stride` units only.
 * The stride doubles while units are quick and falls back to one when they turn out slow: a turn
 * overruns by about an eighth of its time, or by one unit, whichever is longer.
 */
import type { Clock } from '../../lib/base/clock.js'
import type { TurnBudget } from './behaviour.js'

const STRIDE_MAX = 64
/** Between two looks at the clock at most this share of the turn should pass. */
const LOOKS_PER_TURN = 8

export class StepBudget implements TurnBudget {
  readonly #clock: Clock
  readonly #turnMs: number
  readonly #stepsMax: number
  #untilMs = 0
  #lookedAtMs = 0
  #steps = 0
  #nextLook = 0
  #stride = 1

  constructor(clock: Clock, turnMs: number, stepsMax: number) {
    this.#clock = clock
    this.#turnMs = turnMs
    this.#stepsMax = stepsMax
  }

  begin(nowMs: number): void {
    this.#lookedAtMs = nowMs
    this.#untilMs = nowMs + this.#turnMs
    this.#steps = 0
    this.#stride = 1
    this.#nextLook = 1
  }

  exhausted(): boolean {
    this.#steps++
    if (this.#steps < this.#nextLook) return false
    return this.#steps >= this.#stepsMax || this.#isOver()
  }

  #isOver(): boolean {
    const nowMs = this.#clock.now()
    const isQuick = nowMs - this.#lookedAtMs < this.#turnMs / LOOKS_PER_TURN / 2
    const isOver = nowMs >= this.#untilMs
    this.#stride = isQuick ? Math.min(this.#stride * 2, STRIDE_MAX) : 1
    // Once over it stays over, whoever asks again: `work` first, then the actor's turn.
    this.#nextLook = isOver ? 0 : Math.min(this.#steps + this.#stride, this.#stepsMax)
    this.#lookedAtMs = nowMs
    return isOver
  }
}
