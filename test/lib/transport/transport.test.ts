import { MessageChannel, Worker } from 'node:worker_threads'
import t from 'tap'
import { createLoopback } from '../../../lib/transport/loopback.js'
import { createMessagePortLink } from '../../../lib/transport/message-port.js'
import { testLink } from '../../conformance/transport.js'
import { until } from '../../support/until.js'

testLink(t, 'a loopback', async () => ({ ends: createLoopback(), close: async () => {} }))

testLink(t, 'a message port', async () => {
  const { port1, port2 } = new MessageChannel()
  return {
    ends: [createMessagePortLink(port1, 'right'), createMessagePortLink(port2, 'left')],
    close: async () => {},
  }
})

t.test('a frame changes hands: its sender no longer has it', async (t) => {
  const { port1, port2 } = new MessageChannel()
  const left = createMessagePortLink(port1, 'right')
  const right = createMessagePortLink(port2, 'left')
  const frame = new ArrayBuffer(64)
  left.send(frame)
  t.equal(frame.byteLength, 0)
  await until(() => right.poll() !== null)
  left.close()
})

t.test('the death of a thread closes its links', async (t) => {
  const { port1, port2 } = new MessageChannel()
  const source = `const { workerData } = require('node:worker_threads')
    workerData.on('message', () => {})
    workerData.postMessage(new ArrayBuffer(8))`
  const worker = new Worker(source, { eval: true, workerData: port2, transferList: [port2] })
  const link = createMessagePortLink(port1, 'slot-1')
  let reason: Error | null | undefined
  link.onClose((why) => {
    reason = why
  })
  await until(() => link.poll() !== null)
  await worker.terminate()
  await until(() => reason !== undefined)
  t.match(reason, { code: 'E_LINK_CLOSED', message: /slot-1/ })
})
