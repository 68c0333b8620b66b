/**
 * The inputs of an operator with several: which channels feed each, and what has become of it.
 *
 * An input has ended once all of its channels have, and one without channels has from the beginning. It
 * is idle while all of its channels that have not ended are. What a method returns has changed; null:
 * nothing has, or there is but one input, of which END and IDLE say everything.
 */
import { assert } from '../base/assert.js'
import { INPUT, type InputChange } from '../operators/signal.js'

export class Ports {
  readonly #inputs: number
  /** By channel. */
  readonly #inputOf: readonly number[]
  readonly #ended: boolean[]
  readonly #idle: boolean[]
  /** By input; what was said of it last. */
  readonly #said: InputChange['state'][]

  /** `inputOf`: the input of each channel, below `inputs`. */
  constructor(inputOf: readonly number[], inputs: number) {
    assert(
      inputOf.every((input) => input >= 0 && input < inputs),
      'a channel leads to one of the inputs',
    )
    this.#inputs = inputs
    this.#inputOf = inputOf
    this.#ended = inputOf.map(() => false)
    this.#idle = inputOf.map(() => false)
    this.#said = new Array<InputChange['state']>(inputs).fill('active')
  }

  inputOf(channel: number): number {
    return this.#inputOf[channel]!
  }

  /** Ends of inputs that nothing feeds; to be called once, before anything else. */
  begin(): readonly InputChange[] {
    const changes = this.#said.map((_, input) => this.#changeOf(input))
    return changes.filter((change) => change !== null)
  }

  end(channel: number): InputChange | null {
    this.#ended[channel] = true
    return this.#changeOf(this.inputOf(channel))
  }

  setActive(channel: number, active: boolean): InputChange | null {
    this.#idle[channel] = !active
    return this.#changeOf(this.inputOf(channel))
  }

  /** The channel begins anew with another sender. */
  restart(channel: number): InputChange | null {
    this.#ended[channel] = false
    this.#idle[channel] = false
    return this.#changeOf(this.inputOf(channel))
  }

  #changeOf(input: number): InputChange | null {
    const state = this.#stateOf(input)
    if (this.#inputs === 1 || state === this.#said[input]) return null
    this.#said[input] = state
    return { tag: INPUT, input, state }
  }

  #stateOf(input: number): InputChange['state'] {
    let state: InputChange['state'] = 'ended'
    for (let channel = 0; channel < this.#inputOf.length; channel++) {
      if (this.#inputOf[channel] !== input || this.#ended[channel]) continue
      if (!this.#idle[channel]) return 'active'
      state = 'idle'
    }
    return state
  }
}
