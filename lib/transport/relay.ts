/** Joins a lane with a message port, so that a worker thread has a link to a slot of another process. */
import type { MessagePort } from 'node:worker_threads'
import type { Lane } from './node-links.js'

/** Takes both over: each ends with the other. Credits bound what is on its way, so nothing is held back. */
export function relay(lane: Lane, port: MessagePort): void {
  const forward = () => {
    for (let frame = lane.poll(); frame !== null; frame = lane.poll()) {
      port.postMessage(frame, [frame])
    }
    lane.arm()
  }
  lane.onReadable(forward)
  lane.onClose(() => port.close())
  port.on('message', (frame: ArrayBuffer) => lane.send(frame))
  port.on('close', () => lane.close())
  forward()
}
