/**
 * Two linked ends in one thread: the link of tests and simulations. Frames arrive at once and in
 * order. A wire of one's own (`carry`) may hold them back, lose, double or exchange them.
 */
import { MillraceError } from '../base/errors.js'
import { LinkEnd } from './link-end.js'
import type { Link } from './transport.js'

/** Brings a frame to the other end by calling `deliver`, now or later. */
export type Carry = (frame: ArrayBuffer, deliver: (frame: ArrayBuffer) => void) => void

export interface LoopbackOptions {
  /** Names of the two slots: the first end is at `names[0]`, and its peer is `names[1]`. */
  readonly names?: readonly [string, string]
  /** The wire from the first end to the second, and back. Default: at once, in order. */
  readonly carry?: readonly [there: Carry, back: Carry]
}

export function createLoopback(options: LoopbackOptions = {}): readonly [Link, Link] {
  const [left, right] = options.names ?? ['left', 'right']
  const [there, back] = options.carry ?? [atOnce, atOnce]
  const ends = [new LoopbackEnd(right, there), new LoopbackEnd(left, back)] as const
  ends[0].other = ends[1]
  ends[1].other = ends[0]
  return ends
}

const atOnce: Carry = (frame, deliver) => deliver(frame)

class LoopbackEnd extends LinkEnd {
  other: LoopbackEnd | null = null
  readonly #carry: Carry

  constructor(peer: string, carry: Carry) {
    super(peer)
    this.#carry = carry
  }

  send(frame: ArrayBuffer): void {
    const { other } = this
    if (this.closed || other === null) return
    this.#carry(frame, other.#arrive)
  }

  protected hangUp(): void {
    const { other } = this
    other?.end(
      new MillraceError('E_LINK_CLOSED', `the link to ${other.peer} was closed by the other side`),
    )
  }

  readonly #arrive = (frame: ArrayBuffer): void => {
    if (!this.closed) this.arrived.push(frame)
  }
}
