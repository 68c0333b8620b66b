/**
 * What the ends of all links have in common: frames that have arrived and were not polled, and the news
 * of the end, which is told once. How frames leave, and how the other side is told, is each link's own.
 */
import { FrameQueue } from './frame-queue.js'
import type { Link } from './transport.js'

export abstract class LinkEnd implements Link {
  readonly peer: string
  protected readonly arrived = new FrameQueue()
  #tellClosed: (reason: Error | null) => void = () => {}
  /** How it ended; undefined while it has not. */
  #end: Error | null | undefined = undefined

  constructor(peer: string) {
    this.peer = peer
  }

  abstract send(frame: ArrayBuffer): void

  /** Called once by `close`, after `onClose`. */
  protected abstract hangUp(): void

  poll(): ArrayBuffer | null {
    return this.arrived.poll()
  }

  arm(): void {
    this.arrived.arm()
  }

  onReadable(listener: () => void): void {
    this.arrived.onReadable = listener
  }

  onClose(listener: (reason: Error | null) => void): void {
    this.#tellClosed = listener
    if (this.#end !== undefined) listener(this.#end)
  }

  close(): void {
    if (this.closed) return
    this.arrived.clear()
    this.end(null)
    this.hangUp()
  }

  protected get closed(): boolean {
    return this.#end !== undefined
  }

  /** The link has ended; what had arrived can still be polled. Only the first reason is told. */
  protected end(reason: Error | null): void {
    if (this.closed) return
    this.#end = reason
    this.#tellClosed(reason)
  }
}
