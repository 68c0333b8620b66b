/**
 * Joins a lane with a message port: sockets live in the main thread, slots in threads of their own. The
 * slot opens its port as a link (message-port.ts) and attaches it with the session of the lane.
 *
 * Frames pass in both directions as they are, by transfer. Credits bound what is on its way, so nothing
 * is held back.
 */
import type { MessagePort } from 'node:worker_threads'
import type { Lane } from './node-links.js'

/** Takes both over: each ends with the other, after what had arrived was passed on. */
export function relay(lane: Lane, port: MessagePort): void {
  const forward = (): void => {
    for (let frame = lane.poll(); frame !== null; frame = lane.poll()) {
      port.postMessage(frame, [frame])
    }
    lane.arm()
  }
  lane.onReadable(forward)
  lane.onClose(() => {
    forward()
    port.close()
  })
  port.on('message', (frame: ArrayBuffer) => lane.send(frame))
  port.on('close', () => lane.close())
  forward()
}
