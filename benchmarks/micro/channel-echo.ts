/** The other thread of the channel benchmark: sends every frame back. */
import { type MessagePort, workerData } from 'node:worker_threads'
import { createMessagePortLink } from '../../lib/transport/message-port.js'

const link = createMessagePortLink(workerData as MessagePort, 'bench')

function echo(): void {
  for (let frame = link.poll(); frame !== null; frame = link.poll()) link.send(frame)
  link.arm()
}

link.onReadable(echo)
link.arm()
