import { MessageChannel, Worker } from 'node:worker_threads'
import t from 'tap'
import { createLoopback } from '../../../lib/transport/loopback.js'
import { createMessagePortLink } from '../../../lib/transport/message-port.js'
import { type LinkServer, socketLimits } from '../../../lib/transport/socket-link.js'
import type { Link } from '../../../lib/transport/transport.js'
import { createLinkServer } from '../../../lib/transport/web-socket-server.js'
import { connectLink } from '../../../lib/transport/ws.js'
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

for (const engine of ['uws', 'ws'] as const) {
  const links: Link[] = []
  const open = (limits = socketLimits) =>
    createLinkServer({ port: 0, limits, onLink: (link) => links.push(link) }, engine)
  const connect = ({ port }: LinkServer, limits = socketLimits) =>
    connectLink({ url: `ws://127.0.0.1:${port}`, peer: 'right', name: 'left', limits })

  const missing = await isMissing(engine)
  t.test(`links over ${engine}`, { skip: missing && 'no binary for this Node' }, async (t) => {
    const pair = async () => {
      const server = await open()
      const left = await connect(server)
      await until(() => links.length > 0)
      return { server, left, right: links.pop()! }
    }
    testLink(t, `${engine}, the client as left`, async () => {
      const { server, left, right } = await pair()
      return { ends: [left, right], close: async () => server.close() }
    })

    t.test('a frame above the limit breaks the link on both sides', async (t) => {
      const { server, left, right } = await pair()
      const reasons: unknown[] = []
      left.onClose((reason) => reasons.push(reason))
      right.onClose((reason) => reasons.push(reason))
      right.send(new ArrayBuffer(socketLimits.frameBytesMax + 8))
      await until(() => reasons.length === 2)
      t.match(reasons[0], { code: 'E_LINK_LIMIT', message: /1048584 bytes; at most 1048576/ })
      t.match(reasons[1], { code: 'E_LINK_CLOSED' })
      server.close()
    })

    t.test('a frame above the limit of the receiver breaks the link', async (t) => {
      const server = await open({ ...socketLimits, frameBytesMax: 1024 })
      const left = await connect(server)
      let reason: Error | null = null
      left.onClose((why) => {
        reason = why
      })
      left.send(new ArrayBuffer(1024))
      left.send(new ArrayBuffer(1032))
      await until(() => reason !== null)
      t.match(reason, { code: 'E_LINK_CLOSED' })
      t.equal(links.pop()!.poll()?.byteLength, 1024)
      server.close()
    })

    t.test('a socket that holds too much breaks the link', async (t) => {
      const limits = { ...socketLimits, bufferedBytesMax: 16 * 1024 * 1024 }
      const server = await open(limits)
      const left = await connect(server, limits)
      await until(() => links.length > 0)
      for (const end of [left, links.pop()!]) {
        let reason: Error | null = null
        end.onClose((why) => {
          reason ??= why
        })
        for (let i = 0; i < 64 && reason === null; i++) end.send(new ArrayBuffer(1024 * 1024))
        t.match(reason, { code: /E_LINK_LIMIT|E_LINK_CLOSED/ })
        await until(() => reason !== null)
      }
      server.close()
    })

    t.test('a client without a slot name is refused', async (t) => {
      const server = await open()
      const nameless = connectLink({
        url: `ws://127.0.0.1:${server.port}`,
        peer: 'right',
        name: '',
      })
      await t.rejects(nameless, { code: 'E_CONNECT', retryable: true })
      await t.rejects(
        createLinkServer({ port: server.port, onLink: () => {} }, engine),
        { code: 'E_LISTEN' },
        'a port in use',
      )
      server.close()
      await t.rejects(connect(server), { code: 'E_CONNECT' })
    })
  })
}

async function isMissing(engine: LinkServer['engine']): Promise<boolean> {
  try {
    const server = await createLinkServer({ port: 0, onLink: () => {} }, engine)
    server.close()
    return false
  } catch {
    return true
  }
}
