/**
 * A link over a worker_threads `MessagePort`: frames cross threads by transfer, without a copy.
 *
 * A busy thread polls (`receiveMessageOnPort`: 61 ns when empty); an idle one is woken by 'message'
 * events. Both at once, on a port that keeps its listener for life, because of what Node does
 * (measured on Node 20):
 * - a port whose listener was taken off goes on delivering events, to nobody: frames get lost;
 * - events are delivered in order and only between turns, so what an event brings is older than what
 *   the port still holds. It goes into a queue which `poll` empties first;
 * - polling a port in or after its 'close' event ends the process with a segmentation fault. So
 *   what was left when it closed is taken from the queue only; Node delivers every frame that was
 *   sent before the close as an event first.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { MillraceError } from '../base/errors.js'
import { LinkEnd } from './link-end.js'
import type { Link } from './transport.js'

/** Takes the port over; `peer` names the slot at its other end. The open link keeps its thread alive. */
export function createMessagePortLink(port: MessagePort, peer: string): Link {
  return new MessagePortLink(port, peer)
}

class MessagePortLink extends LinkEnd {
  readonly #port: MessagePort

  constructor(port: MessagePort, peer: string) {
    super(peer)
    this.#port = port
    port.on('message', (frame: ArrayBuffer) => {
      if (!this.closed) this.arrived.push(frame)
    })
    port.on('messageerror', (cause) => {
      this.end(
        new MillraceError('E_LINK_DAMAGED', `a frame from ${peer} could not be received`, {
          cause,
        }),
      )
      port.close()
    })
    port.on('close', () => {
      this.end(
        new MillraceError('E_LINK_CLOSED', `the link to ${peer} was closed by the other side`),
      )
    })
  }

  send(frame: ArrayBuffer): void {
    if (!this.closed) this.#port.postMessage(frame, [frame])
  }

  override poll(): ArrayBuffer | null {
    const frame = this.arrived.poll()
    if (frame !== null || this.closed) return frame
    const received = receiveMessageOnPort(this.#port)
    return received === undefined ? null : (received.message as ArrayBuffer)
  }

  protected hangUp(): void {
    this.#port.close()
  }
}
