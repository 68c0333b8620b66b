/**
 * What a peer that keeps to no rules can bring about: its own end, and one line in the log. Beside it a
 * correct connection answers every message, and new ones are let in.
 */
import t, { type Test } from 'tap'
import { closeCodes } from '../../../lib/transport/close-reasons.js'
import { dialControl } from '../../../lib/transport/dial.js'
import { callerStart } from '../../../lib/transport/handshake.js'
import { PieceCutter } from '../../../lib/transport/pieces.js'
import { encodeCbor } from '../../../lib/wire/cbor.js'
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
import {
  enter,
  openWebSocket,
  rawSelf,
  speakTcp,
  type TcpPeer,
  upgradeRequest,
  type WebSocketPeer,
} from '../../support/raw-peer.js'
import { startTcpProxy } from '../../support/tcp-proxy.js'
import { until } from '../../support/until.js'

const TIMES = 20
/** Longest time between a message and its answer: a third of what silence is allowed. */
const ANSWER_MS_MAX = 8000

/** Messages and answers over a correct connection, one after the other, for as long as it is asked. */
interface Pulse {
  /** Stops, and says how many were answered and what the slowest took. */
  stop(): Promise<{ readonly answered: number; readonly slowestMs: number }>
}

async function startPulse(host: Host): Promise<Pulse> {
  const [left, right] = await controlPair(host)
  let answered = 0
  let slowestMs = 0
  let sentMs = 0
  let isStopping = false
  let isOver = false
  const ask = (): void => {
    sentMs = performance.now()
    left.send({ ask: answered })
  }
  right.onMessage((message) => right.send(message))
  left.onMessage(() => {
    slowestMs = Math.max(slowestMs, performance.now() - sentMs)
    answered += 1
    if (isStopping) isOver = true
    else setImmediate(ask)
  })
  ask()
  return {
    async stop() {
      isStopping = true
      await until(() => isOver)
      left.close()
      return { answered, slowestMs }
    },
  }
}

async function unharmed(t: Test, host: Host, pulse: Pulse): Promise<void> {
  const { answered, slowestMs } = await pulse.stop()
  t.ok(
    answered > 0 && slowestMs < ANSWER_MS_MAX,
    `${answered} answers, the slowest in ${slowestMs} ms`,
  )
  const [late] = await controlPair(host, { self: identity('late') })
  late.close()
}

const isOneLine = (line: string): boolean => /^[\x20-\x7e]{1,400}$/.test(line)

const strangers: Readonly<Record<string, (port: number) => { readonly isClosed: boolean }>> = {
  garbage: (port) =>
    speakTcp(
      port,
      Uint8Array.from({ length: 4096 }, (_, i) => (i * 193 + 7) & 255),
    ),
  'a request for a page': (port) => speakTcp(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  'an upload': (port) =>
    speakTcp(port, `POST /link HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n${'x'.repeat(99)}`),
  'another path': (port) => speakTcp(port, upgradeRequest('/..%2f..%2fetc/passwd')),
  'a browser': (port) => speakTcp(port, upgradeRequest('/link', 'Origin: http://evil.example\r\n')),
  'a TLS client': (port) =>
    speakTcp(
      port,
      Uint8Array.from([22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3, ...new Array(194).fill(9)]),
    ),
}

const refused: Readonly<Record<string, { code: number; send: (peer: WebSocketPeer) => void }>> = {
  'another version': {
    code: closeCodes.version,
    send: ({ socket }) => socket.send(callerStart(rawSelf({ versions: [7, 9] }), 'control').reply!),
  },
  'another cluster': {
    code: closeCodes.cluster,
    send: ({ socket }) => {
      const identity = { ...rawSelf().identity, cluster: '../../evil\n' }
      socket.send(callerStart(rawSelf({ identity }), 'control').reply!)
    },
  },
  'a path as its name': {
    code: closeCodes.refused,
    send: ({ socket }) => {
      const identity = { ...rawSelf().identity, id: '../../etc/passwd\u001b[2J' }
      socket.send(callerStart(rawSelf({ identity }), 'control').reply!)
    },
  },
  'CBOR at once': {
    code: closeCodes.refused,
    send: ({ socket }) => socket.send(encodeCbor({ kind: 'StopEverything' })),
  },
  'nothing in a message': {
    code: closeCodes.refused,
    send: ({ socket }) => socket.send(new Uint8Array(0)),
  },
  'a megabyte': {
    code: closeCodes.refused,
    send: ({ socket }) => socket.send(new Uint8Array(1024 * 1024)),
  },
}

for (const engine of await engines()) {
  t.test(`strangers at ${engine}`, async (t) => {
    const host = await startHost(engine, { limits: { handshakeMs: 1000 } })
    t.teardown(() => host.listener.close())
    for (const [name, come] of Object.entries(strangers)) {
      t.test(`${name} is turned away`, async (t) => {
        const pulse = await startPulse(host)
        const lines = host.lines.length
        const peers = Array.from({ length: TIMES }, () => come(host.listener.port))
        await until(() => peers.every(({ isClosed }) => isClosed), 2_000_000)
        await unharmed(t, host, pulse)
        const said = host.lines.slice(lines)
        t.ok(said.length <= 1 && said.every(isOneLine), said.join('\n'))
      })
    }
    t.ok(host.lines.length <= 3)
  })

  t.test(`peers without a right handshake at ${engine}`, async (t) => {
    const host = await startHost(engine)
    t.teardown(() => host.listener.close())
    for (const [name, { code, send }] of Object.entries(refused)) {
      t.test(`${name} is refused`, async (t) => {
        const pulse = await startPulse(host)
        const lines = host.lines.length
        for (let i = 0; i < TIMES; i++) {
          const peer = await openWebSocket(host.listener.url)
          send(peer)
          await until(() => peer.closed !== null)
          t.equal(peer.closed, code)
          t.equal(peer.came.length, 0)
        }
        await unharmed(t, host, pulse)
        const said = host.lines.slice(lines)
        t.ok(said.length <= 1 && said.every(isOneLine), said.join('\n'))
      })
    }

    t.test('a wrong secret is refused, and the error says what to check', async (t) => {
      const wrong = [new TextEncoder().encode('not the secret that the others have')]
      for (let i = 0; i < TIMES; i++) {
        await t.rejects(dialControl(dialOptions(host, { secrets: wrong })), {
          code: 'E_PEER_REFUSED',
          message: /have both processes the same secret/,
        })
      }
      const said = host.lines.filter((line) => line.includes('secret'))
      t.equal(said.length, 1)
      t.match(said[0], /"left" does not hold the secret of this cluster/)
      t.notOk(host.lines.some((line) => line.includes(new TextDecoder().decode(secrets[0]))))
    })

    t.test('another cluster is named to who dialled', async (t) => {
      const self = { ...identity('left'), cluster: 'dev' }
      await t.rejects(dialControl(dialOptions(host, { self })), {
        code: 'E_PEER_CLUSTER',
        message: /refused left of cluster dev/,
      })
      await t.rejects(dialControl(dialOptions(host, { expect: 'somebody' })), {
        code: 'E_PEER_REFUSED',
      })
    })
  })

  t.test(`crowds at ${engine}`, async (t) => {
    t.test('2,000 idle connections keep nobody out', { timeout: 60_000 }, async (t) => {
      const host = await startHost(engine)
      const pulse = await startPulse(host)
      const { port } = host.listener
      const idle: TcpPeer[] = []
      while (idle.length < 2000) {
        const more = Array.from({ length: 20 }, (_, i) =>
          speakTcp(port, i % 2 === 0 ? '' : upgradeRequest('/link')),
        )
        await until(() => more.every(({ tcp }) => !tcp.connecting))
        idle.push(...more)
      }
      for (let i = 0; i < 10; i++) {
        const [link] = await controlPair(host, { self: identity(`node-${i}`) })
        link.close()
      }
      await unharmed(t, host, pulse)
      // Of those that shake hands, only so many may at once.
      await until(() => idle.filter(({ isClosed }) => isClosed).length >= 1000 - 256, 2_000_000)
      t.ok(host.lines.length <= 2, host.lines.join('\n'))
      for (const { tcp } of idle) tcp.destroy()
      host.listener.close()
    })

    t.test('a handshake that takes too long is ended', async (t) => {
      const host = await startHost(engine, { limits: { handshakeMs: 200 } })
      const pulse = await startPulse(host)
      const silent = await openWebSocket(host.listener.url)
      const half = await openWebSocket(host.listener.url)
      half.socket.send(callerStart(rawSelf(), 'control').reply!)
      const slow = speakTcp(host.listener.port, upgradeRequest('/link'))
      // A message of 200 bytes, unmasked length first, that comes byte by byte.
      slow.tcp.write(Uint8Array.of(0x82, 0xfe, 0, 200, 0, 0, 0, 0))
      const drip = setInterval(() => slow.tcp.write(Uint8Array.of(1)), 20)
      await until(() => silent.closed !== null && half.closed !== null && slow.isClosed, 5_000_000)
      clearInterval(drip)
      t.equal(silent.closed, closeCodes.slow)
      t.equal(half.closed, closeCodes.slow)
      await unharmed(t, host, pulse)
      host.listener.close()
    })

    t.test('a host that opens too many connections keeps out itself only', async (t) => {
      const limits = { connectionsPerHostMax: 20, connectionsPerHostPerSecondMax: 20 }
      const host = await startHost(engine, { limits })
      const pulse = await startPulse(host)
      const { port } = host.listener
      const crowd = Array.from({ length: 200 }, (_, i) =>
        speakTcp(port, i % 2 === 0 ? '' : upgradeRequest('/link')),
      )
      await until(() => crowd.filter(({ isClosed }) => isClosed).length >= 150, 2_000_000)
      t.match(host.lines.join('\n'), /its host has opened too many connections/)
      t.ok(host.lines.length <= 2, host.lines.join('\n'))
      const other = speakTcp(port, upgradeRequest('/link'), '127.0.0.2')
      await until(() => other.said.includes('101 Switching Protocols'), 2_000_000)
      for (const { tcp } of [...crowd, other]) tcp.destroy()
      const dial = () => dialControl(dialOptions(host)).catch(() => null)
      let late = await dial()
      while (late === null) late = await dial()
      t.pass('who waits a little is let in again')
      late.close()
      const { answered } = await pulse.stop()
      t.ok(answered > 0, 'who was let in before has gone on')
      host.listener.close()
    })

    t.test('more connections than allowed are closed at once', async (t) => {
      const host = await startHost(engine, { limits: { connectionsMax: 10 } })
      const pulse = await startPulse(host)
      const idle = Array.from({ length: 50 }, () => speakTcp(host.listener.port, ''))
      await until(() => idle.filter(({ isClosed }) => isClosed).length >= 40, 2_000_000)
      t.match(host.lines.join('\n'), /too many connections/)
      for (const { tcp } of idle) tcp.destroy()
      await until(() => idle.every(({ isClosed }) => isClosed))
      await unharmed(t, host, pulse)
      host.listener.close()
    })
  })

  t.test(`members that misbehave at ${engine}`, async (t) => {
    const nested = (initial: number, depth: number): Uint8Array =>
      new Uint8Array(depth).fill(initial)
    const bignum = new Uint8Array(600_000)
    bignum.set([0xc2, 0x5a, 0, 9, 0x27, 0xba])
    const bombs: Readonly<Record<string, Uint8Array>> = {
      'deep nesting': nested(0x81, 900_000),
      'nested maps': nested(0xa1, 900_000),
      'nested tags': nested(0xc1, 900_000),
      'a bignum of 600 kB': bignum,
      'a claim of 2^32 items': Uint8Array.of(0x9a, 255, 255, 255, 255),
      'a claim of 2^63 bytes': Uint8Array.of(0x5b, 128, 0, 0, 0, 0, 0, 0, 0),
      'an endless string': Uint8Array.of(0x7f, 0x61, 0x61),
      'a class to revive': Uint8Array.of(0xd8, 0x1b, 0x82, 0x65, 69, 114, 114, 111, 114, 0x61, 120),
      'a prototype': encodeProto(),
      'bad UTF-8': Uint8Array.of(0x62, 0xc3, 0x28),
    }
    const host = await startHost(engine)
    t.teardown(() => host.listener.close())
    for (const [name, bytes] of Object.entries(bombs)) {
      t.test(`${name} ends the connection it came on`, async (t) => {
        const pulse = await startPulse(host)
        const { peer, session } = await enter(host.listener.url, 'control')
        await until(() => host.controls.length > 0)
        let reason: unknown
        host.controls.pop()!.onClose((why) => {
          reason = why
        })
        for (const piece of new PieceCutter(session, 16_384).cut(bytes)) peer.socket.send(piece)
        await until(() => reason !== undefined)
        t.match(reason, { code: 'E_LINK_DAMAGED', cause: { code: 'E_BAD_CBOR' } })
        await until(() => peer.closed !== null)
        await unharmed(t, host, pulse)
      })
    }

    t.test('text, wrong pieces, gaps and repeats end the connection', async (t) => {
      const cut = (session: number, value: unknown): ArrayBuffer =>
        [...new PieceCutter(session, 16_384).cut(encodeCbor(value))][0]!
      const wrongs: ((session: number) => ArrayBuffer | Uint8Array)[] = [
        () => new Uint8Array(0),
        () => new Uint8Array(70_000),
        (session) => cut(session + 1, 'of another session'),
        (session) => {
          const cutter = new PieceCutter(session, 16_384)
          return [...cutter.cut(encodeCbor(1)), ...cutter.cut(encodeCbor(2))][1]!
        },
        (session) => {
          const piece = new Uint8Array(cut(session, 'changed'))
          piece[piece.length - 1]! ^= 1
          return piece
        },
      ]
      for (const wrong of wrongs) {
        const { peer, session } = await enter(host.listener.url, 'control')
        await until(() => host.controls.length > 0)
        host.controls.pop()!.onMessage(() => t.fail('nothing of it passes'))
        peer.socket.send(wrong(session))
        await until(() => peer.closed !== null)
        t.equal(peer.closed, closeCodes.damaged)
      }
    })

    t.test('a member that floods what nobody reads is cut off', async (t) => {
      const small = await startHost(engine, { limits: { dataBufferedBytesMax: 4 * 1024 * 1024 } })
      const pulse = await startPulse(small)
      const [link, other] = await dataPair(small, { self: identity('mallory') })
      let reason: unknown
      other.onClose((why) => {
        reason = why
      })
      const lane = link.openLane({ at: 'a', to: 'b' })
      const cutter = new PieceCutter(lane.session, 65_536)
      const flood = async (): Promise<void> => {
        while (reason === undefined) {
          for (const piece of cutter.cut(new Uint8Array(65_000))) lane.send(piece)
          await new Promise<void>((resolve) => setImmediate(resolve))
        }
      }
      await flood()
      t.match(reason, { code: 'E_LINK_LIMIT', message: /nobody takes/ })
      await unharmed(t, small, pulse)
      small.listener.close()
    })

    t.test('a member that reads nothing is cut off', async (t) => {
      const small = await startHost(engine, { limits: { controlBufferedBytesMax: 1024 * 1024 } })
      const pulse = await startPulse(small)
      const proxy = await startTcpProxy(small.listener.port)
      const [, link] = await controlPair(small, { url: proxy.url, self: identity('mallory') })
      proxy.stall()
      let reason: unknown
      link.onClose((why) => {
        reason = why
      })
      for (let i = 0; i < 200 && reason === undefined; i++) {
        link.send('x'.repeat(200_000))
        await new Promise<void>((resolve) => setImmediate(resolve))
        t.ok(link.bufferedBytes <= 1024 * 1024)
      }
      t.match(reason, { code: 'E_LINK_LIMIT' })
      await unharmed(t, small, pulse)
      proxy.close()
      small.listener.close()
    })
  })
}

/** {"__proto__": 1} */
function encodeProto(): Uint8Array {
  return Uint8Array.of(0xa1, 0x69, ...new TextEncoder().encode('__proto__'), 1)
}
