/**
 * What clients ask for that must not be done twice, under a name that each of them gives it: who asks for it
 * again, because the connection was lost, gets the same answer.
 */
import { MillraceError } from '../../lib/base/errors.js'

/** Answers kept for those who ask again. */
const KEPT = 256
const NAME = /^[0-9a-f]{16}$/

export class CarriedOut {
  /** By name; the oldest first. */
  readonly #answers = new Map<string, Promise<unknown>>()
  readonly #settled = new Set<string>()

  once<R>(name: string, act: () => Promise<R>): Promise<R> {
    if (typeof name !== 'string' || !NAME.test(name)) throw badName(name)
    const known = this.#answers.get(name)
    if (known !== undefined) return known as Promise<R>
    const answer = act()
    this.#answers.set(name, answer)
    const settled = () => this.#onSettled(name)
    answer.then(settled, settled)
    return answer
  }

  #onSettled(name: string): void {
    this.#settled.add(name)
    if (this.#settled.size <= KEPT) return
    const [oldest] = this.#settled
    this.#settled.delete(oldest!)
    this.#answers.delete(oldest!)
  }
}

const badName = (name: unknown): MillraceError =>
  new MillraceError(
    'E_BAD_ARGUMENT',
    `once: the name must be 16 hexadecimal digits; seen: ${JSON.stringify(name)?.slice(0, 70)}`,
  )
