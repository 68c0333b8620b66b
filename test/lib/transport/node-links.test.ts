import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import t from 'tap'
import { dialControl, dialData } from '../../../lib/transport/dial.js'
import { messagesOver } from '../../../lib/transport/lane-messages.js'
import { listen } from '../../../lib/transport/listen.js'
import { createMessagePortLink } from '../../../lib/transport/message-port.js'
import type { Lane } from '../../../lib/transport/node-links.js'
import { relay } from '../../../lib/transport/relay.js'
import { testLink } from '../../conformance/transport.js'
import { certificate, privateKey } from '../../support/certificate.js'
import {
  controlPair,
  dataPair,
  dialOptions,
  engines,
  type Host,
  identity,
  secrets,
  startHost,
} from '../../support/node-pair.js'
import { until } from '../../support/until.js'

for (const engine of await engines()) {
  const lanesOver = async (): Promise<{ host: Host; ends: readonly [Lane, Lane] }> => {
    const host = await startHost(engine)
    const [caller, listener] = await dataPair(host)
    const lanes: Lane[] = []
    listener.onLane((lane) => lanes.push(lane))
    const left = caller.openLane({ at: 'left', to: 'right' })
    await until(() => lanes.length > 0)
    return { host, ends: [left, lanes[0]!] }
  }

  testLink(t, `a lane over ${engine}, the caller as left,`, async () => {
    const { host, ends } = await lanesOver()
    return { ends, session: ends[0].session, close: async () => host.listener.close() }
  })

  testLink(t, `a lane over ${engine}, the listener as left,`, async () => {
    const host = await startHost(engine)
    const [caller, listener] = await dataPair(host)
    const lanes: Lane[] = []
    caller.onLane((lane) => lanes.push(lane))
    const left = listener.openLane({ at: 'left', to: 'right' })
    await until(() => lanes.length > 0)
    const { session } = left
    return { ends: [left, lanes[0]!], session, close: async () => host.listener.close() }
  })

  testLink(t, `a lane over ${engine} relayed to ports`, async () => {
    const { host, ends } = await lanesOver()
    const ports = ends.map((lane) => {
      const { port1, port2 } = new MessageChannel()
      relay(lane, port1)
      return createMessagePortLink(port2, lane.peer)
    })
    const { session } = ends[0]
    const close = async (): Promise<void> => host.listener.close()
    return { ends: [ports[0]!, ports[1]!], session, close }
  })

  t.test(`control over ${engine}`, async (t) => {
    const host = await startHost(engine)
    t.teardown(() => host.listener.close())

    t.test('brings messages of any size up to the limit, whole, in order, both ways', async (t) => {
      const [left, right] = await controlPair(host)
      const messages = [
        null,
        { kind: 'Heartbeat', at: 1.5, of: [1n, 'é', new Date(0)] },
        { text: 'seven '.repeat(120_000), __proto__x: 1 },
        'last',
      ]
      for (const [from, to] of [
        [left, right],
        [right, left],
      ] as const) {
        const came: unknown[] = []
        for (const message of messages) from.send(message)
        to.onMessage((message) => came.push(message))
        await until(() => came.length === messages.length)
        t.same(came, messages)
      }
      t.throws(() => left.send(new Uint8Array(1024 * 1024)), { code: 'E_MESSAGE_SIZE' })
      t.throws(() => left.send(() => {}), { code: 'E_CANNOT_TRAVEL' })
      left.close()
    })

    t.test('knows who the other side is, and both know the session', async (t) => {
      const self = identity('node-1')
      const [left, right] = await controlPair(host, { self, expect: 'right' })
      t.match(right.peer, {
        id: 'node-1',
        party: 'node',
        incarnation: self.incarnation,
        version: 1,
      })
      t.match(left.peer, { id: 'right', party: 'node', version: 1 })
      t.equal(left.session, right.session)
      const [other] = await controlPair(host)
      t.not(other.session, left.session)
      left.close()
      other.close()
    })

    t.test('says why it was closed, once, to the other side only', async (t) => {
      const [left, right] = await controlPair(host)
      const told: unknown[] = []
      left.onClose((reason) => told.push(reason))
      right.onClose((reason) => told.push(reason))
      right.send('before')
      const came: unknown[] = []
      left.onMessage((message) => came.push(message))
      right.close('goingAway')
      right.close()
      await until(() => told.length === 2)
      t.equal(told[0], null)
      t.match(told[1], {
        code: 'E_LINK_CLOSED',
        message: 'the connection with right was closed by it: goingAway',
        details: { reason: 'goingAway' },
      })
      t.same(came, ['before'])
      left.send('late')
      t.equal(left.bufferedBytes, 0)
    })

    t.test('gives its place to a newer one of the same process', async (t) => {
      const self = identity('node-2')
      const [first] = await controlPair(host, { self })
      let reason: unknown
      first.onClose((why) => {
        reason = why
      })
      const [second] = await controlPair(host, { self })
      await until(() => reason !== undefined)
      t.match(reason, { details: { reason: 'superseded' } })
      const [restarted] = await controlPair(host, { self: identity('node-2') })
      const [data] = await dataPair(host, { self })
      let ended = 0
      second.onClose(() => {
        ended += 1
      })
      second.send('still here')
      await until(() => second.bufferedBytes === 0)
      t.equal(ended, 0, 'another incarnation and another role are other connections')
      for (const link of [second, restarted, data]) link.close()
    })

    t.test('ends with E_LINK_LIMIT rather than buffer on', async (t) => {
      const limits = { controlBufferedBytesMax: 1024 * 1024 }
      const [left] = await controlPair(host, { limits })
      let reason: unknown
      left.onClose((why) => {
        reason = why
      })
      for (let i = 0; i < 200 && reason === undefined; i++) left.send(new Uint8Array(500_000))
      t.match(reason, { code: 'E_LINK_LIMIT', message: /at most 1048576 are allowed/ })
    })

    t.test('ends when messages come too fast', async (t) => {
      const strict = await startHost(engine, { limits: { messagesPerSecondMax: 100 } })
      const [left, right] = await controlPair(strict)
      let reason: unknown
      right.onClose((why) => {
        reason = why
      })
      right.onMessage(() => {})
      for (let i = 0; i < 150; i++) left.send(i)
      await until(() => reason !== undefined)
      t.match(reason, { code: 'E_LINK_LIMIT', message: /the rate of messages/ })
      strict.listener.close()
    })
  })

  t.test(`data over ${engine}`, async (t) => {
    t.test('ends every lane when the connection does', async (t) => {
      const { host, ends } = await lanesOver()
      const told: unknown[] = []
      for (const end of ends) end.onClose((reason) => told.push(reason))
      host.listener.close()
      await until(() => told.length === 2)
      t.ok(told.every((reason) => (reason as { code: string }).code === 'E_LINK_CLOSED'))
    })

    t.test('carries messages far above what a socket may hold', async (t) => {
      const limits = { dataBufferedBytesMax: 2 * 1024 * 1024 }
      const host = await startHost(engine, { limits })
      const [caller, listener] = await dataPair(host, { limits })
      const came: unknown[] = []
      listener.onLane((lane) => {
        const messages = messagesOver(listener, lane)
        messages.onMessage((message) => messages.send(message))
      })
      const messages = messagesOver(caller, caller.openLane({ at: 'bulk', to: 'bulk' }))
      messages.onMessage((message) => came.push(message))
      const large = Buffer.alloc(20_000_000, 'chunk').toString('latin1')
      for (const message of [1, large, { two: 2 }, large, 'last']) messages.send(message)
      await until(() => came.length === 5, 5_000_000)
      t.ok(came[1] === large && came[3] === large)
      t.same([came[0], came[2], came[4]], [1, { two: 2 }, 'last'])
      messages.send(large)
      let ended = false
      caller.onClose(() => {
        ended = true
      })
      host.listener.close()
      await until(() => ended)
    })

    t.test('drops what comes for a lane that was closed here', async (t) => {
      const host = await startHost(engine)
      const [caller, listener] = await dataPair(host)
      let accepted: Lane | null = null
      listener.onLane((lane) => {
        accepted = lane
        lane.close()
      })
      const lane = caller.openLane({ at: 'a', to: 'b' })
      let reason: unknown
      lane.onClose((why) => {
        reason = why
      })
      await until(() => reason !== undefined)
      t.match(reason, { code: 'E_LINK_CLOSED', details: { peer: 'right', slot: 'b' } })
      t.equal((accepted as unknown as Lane).at, 'b')
      host.listener.close()
    })

    t.test('never gives two lanes one number', async (t) => {
      const host = await startHost(engine)
      const [caller, listener] = await dataPair(host)
      const numbers = [1, 2, 3].flatMap((i) => [
        caller.openLane({ at: `a${i}`, to: 'b' }).session,
        listener.openLane({ at: `a${i}`, to: 'b' }).session,
      ])
      t.equal(new Set(numbers).size, 6)
      host.listener.close()
    })

    t.test('ends when a frame is above the limit, on either side', async (t) => {
      for (const limits of [{ frameBytesMax: 8192 }, {}]) {
        const host = await startHost(engine, { limits: { frameBytesMax: 4096 } })
        const [caller] = await dataPair(host, { limits })
        let reason: unknown
        caller.onClose((why) => {
          reason = why
        })
        caller.openLane({ at: 'a', to: 'b' }).send(new ArrayBuffer(8200))
        await until(() => reason !== undefined)
        t.match(reason, { code: /E_LINK_LIMIT|E_LINK_CLOSED/ })
        host.listener.close()
      }
    })
  })

  t.test(`a listener on ${engine}`, async (t) => {
    t.test('refuses an address in use, and is not reached after it has closed', async (t) => {
      const host = await startHost(engine)
      const { port, url } = host.listener
      t.equal(url, `ws://127.0.0.1:${port}`)
      t.equal(host.listener.engine, engine)
      const same = { address: `:${port}`, self: identity('x'), secrets, engine, log: () => {} }
      await t.rejects(listen(same), { code: 'E_LISTEN' })
      host.listener.close()
      await t.rejects(dialControl(dialOptions(host)), { code: 'E_CONNECT', retryable: true })
    })

    t.test('serves TLS, which the caller checks', async (t) => {
      const files = t.testdir({ 'cert.pem': certificate, 'key.pem': privateKey })
      const tls = { certFile: join(files, 'cert.pem'), keyFile: join(files, 'key.pem') }
      const host = await startHost(engine, { tls })
      t.match(host.listener.url, /^wss:/)
      const [left, right] = await controlPair(host, { ca: certificate })
      let came: unknown
      left.onMessage((message) => {
        came = message
      })
      right.send('x'.repeat(500_000))
      await until(() => came !== undefined)
      t.equal((came as string).length, 500_000)
      await t.rejects(dialControl(dialOptions(host)), {
        code: 'E_PEER_CERTIFICATE',
        message: /certificate/,
      })
      const url = host.listener.url.replace('wss:', 'ws:')
      const limits = { handshakeMs: 500 }
      await t.rejects(dialControl(dialOptions(host, { url, limits })), { code: 'E_CONNECT' })
      left.close()
      host.listener.close()
    })

    t.test('refuses TLS files that do not exist or match', async (t) => {
      const files = t.testdir({ 'cert.pem': certificate, 'key.pem': privateKey, 'bad.pem': 'bad' })
      const certFile = join(files, 'cert.pem')
      for (const keyFile of ['bad.pem', 'none.pem'].map((name) => join(files, name))) {
        await t.rejects(startHost(engine, { tls: { certFile, keyFile } }), {
          code: 'E_TLS',
          details: { keyFile },
        })
      }
    })

    t.test('is reached over IPv6', async (t) => {
      const host = await startHost(engine, { address: '[::1]:0' })
      t.match(host.listener.url, /^ws:\/\/\[::1\]:\d+$/)
      const [left] = await controlPair(host)
      t.equal(left.peer.id, 'right')
      host.listener.close()
    })

    t.test('refuses a connection that this pair of parties does not have', async (t) => {
      const host = await startHost(engine, { self: identity('c', 'coordinator') })
      const self = identity('cli', 'client')
      await t.rejects(dialData(dialOptions(host, { self })), {
        code: 'E_PEER_ROLE',
        message: /a client has no data connection to a coordinator/,
      })
      const [left] = await controlPair(host, { self })
      left.close()
      host.listener.close()
    })
  })
}
