/**
 * What a server sends, read past the WebSocket library: it must be as if the library had read all of it.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket as TcpSocket } from 'node:net'
import type { Writable } from 'node:stream'
import { crc32 } from 'node:zlib'
import t, { type Test } from 'tap'
import * as ws from 'ws'
import { systemClock } from '../../../lib/base/clock.js'
import { type Random, seededRandom } from '../../../lib/base/random.js'
import { BinaryFrames } from '../../../lib/transport/frame-reading.js'
import { connectWs } from '../../../lib/transport/ws.js'
import { testSeed } from '../../support/test-seed.js'
import { until } from '../../support/until.js'

const SEED = testSeed()
const STREAMS = 40_000
const BYTES_MAX = 70_000
const [BINARY, TEXT, MORE, PING, CLOSE] = [0x82, 0x81, 0x80, 0x89, 0x88]
const FIRST_PART = 0x02

function frame(first: number, payload: Uint8Array): Uint8Array {
  const { length } = payload
  const head =
    length < 126
      ? [first, length]
      : length < 65_536
        ? [first, 126, length >> 8, length & 255]
        : [first, 127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255]
  return Buffer.concat([Uint8Array.from(head), payload])
}

const below = (random: Random, end: number): number => Math.floor(random() * end)

function payload(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i += 97) bytes[i] = below(random, 256)
  return bytes
}

const SIZES = [0, 1, 125, 126, 127, 300, 4_096]
/** Drawn less often. */
const LARGE = [65_535, 65_536, BYTES_MAX, BYTES_MAX + 1]

function someFrame(random: Random): Uint8Array {
  const sizes = random() < 0.01 ? LARGE : SIZES
  const bytes = payload(random, sizes[below(random, sizes.length)]!)
  const kind = below(random, 40)
  if (kind === 0) return frame(PING, bytes.subarray(0, 125))
  if (kind === 1) return frame(TEXT, Buffer.from('é'.repeat(below(random, 50))))
  if (kind === 2) return Buffer.concat([frame(FIRST_PART, bytes), frame(MORE, bytes)])
  if (kind === 3) return frame(CLOSE, Uint8Array.of(3, 0xe8, 0x6f, 0x6b))
  return frame(BINARY, bytes)
}

function mutate(stream: Uint8Array, random: Random): Uint8Array {
  let mutated = Uint8Array.from(stream)
  for (let times = below(random, 4); times > 0 && mutated.length > 0; times--) {
    const at = below(random, Math.min(mutated.length, 600))
    const choice = below(random, 4)
    if (choice === 0) mutated[at]! ^= 1 << below(random, 8)
    else if (choice === 1) mutated[at] = below(random, 256)
    else if (choice === 2) mutated = mutated.slice(0, at)
    else {
      const more = Uint8Array.of(below(random, 256))
      mutated = Buffer.concat([mutated.subarray(0, at), more, mutated.subarray(at)])
    }
  }
  return mutated
}

function cut(stream: Uint8Array, random: Random): Uint8Array[] {
  const most = [1, 3, 20, 2_000, 100_000][below(random, 5)]!
  const chunks: Uint8Array[] = []
  for (let at = 0; at < stream.length && chunks.length < 500; ) {
    const end = chunks.length === 499 ? stream.length : at + 1 + below(random, most)
    chunks.push(stream.slice(at, end))
    at = Math.min(end, stream.length)
  }
  return chunks
}

/** The library's own reader, as its clients have it. */
const { Receiver } = ws as unknown as { readonly Receiver: new (options: object) => Writable }

/** All that is made of the chunks by the library, behind what takes binary messages first or not. */
function readings(chunks: readonly Uint8Array[], isPast: boolean): string[] {
  const told: string[] = []
  const message = (data: ArrayBuffer, isBinary: boolean) => {
    told.push(`${isBinary} ${data.byteLength} ${crc32(new Uint8Array(data))}`)
  }
  const receiver = new Receiver({
    isServer: false,
    binaryType: 'arraybuffer',
    maxPayload: BYTES_MAX,
  })
  receiver.on('message', message)
  receiver.on('ping', (data) => told.push(`ping ${data}`))
  receiver.on('pong', (data) => told.push(`pong ${data}`))
  receiver.on('conclude', (code, reason) => told.push(`conclude ${code} ${reason}`))
  receiver.on('error', ({ message }) => told.push(`error ${message}`))
  const frames = new BinaryFrames(BYTES_MAX, (bytes) => message(bytes, true))
  for (const chunk of chunks) {
    // Whose buffer is used again: nothing may be kept of it.
    const lent = Buffer.from(chunk)
    if (!isPast || frames.isOver) receiver.write(lent)
    else {
      const used = frames.take(lent)
      const rest = Buffer.concat([frames.held, lent.subarray(used)])
      if (frames.isOver) receiver.write(rest)
      lent.fill(0xff)
    }
  }
  return told
}

t.test(
  `${STREAMS} streams, mutated and cut anywhere, are read as the library reads them`,
  async (t) => {
    const random = seededRandom(SEED)
    let frames = 0
    let messages = 0
    let others = 0
    let pairs: (readonly [string[], string[]])[] = []
    for (let i = 0; i < STREAMS; i++) {
      const all = Array.from({ length: 1 + below(random, 5) }, () => someFrame(random))
      frames += all.length
      const chunks = cut(mutate(Buffer.concat(all), random), random)
      pairs.push([readings(chunks, true), readings(chunks, false)])
      if (pairs.length < 500 && i < STREAMS - 1) continue
      // Errors of streams are told in a later turn.
      await new Promise<void>((resolve) => setImmediate(resolve))
      for (const [past, whole] of pairs) {
        messages += whole.filter((told) => told.startsWith('true')).length
        others += whole.filter((told) => !told.startsWith('true')).length
        if (past.join() !== whole.join()) t.same(past, whole)
      }
      pairs = []
    }
    t.ok(frames > 100_000, `${frames} frames`)
    t.ok(messages > STREAMS, `${messages} messages`)
    t.ok(others > STREAMS / 10, `${others} other frames and errors`)
  },
)

interface Served {
  readonly tcp: TcpSocket
  readonly came: Uint8Array[]
  readonly closed: (readonly [code: number, said: string])[]
}

/** A connection to a server that says `first` together with its answer to the request. */
async function served(t: Test, first: Uint8Array = new Uint8Array(0)): Promise<Served> {
  const server = createServer()
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const upgraded = new Promise<TcpSocket>((resolve) => {
    server.on('upgrade', (request, tcp: TcpSocket) => {
      t.teardown(() => tcp.destroy())
      tcp.on('error', () => {})
      const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
      const accept = createHash('sha1').update(key).digest('base64')
      const answer =
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`
      tcp.setNoDelay(true)
      tcp.write(Buffer.concat([Buffer.from(answer), first]))
      resolve(tcp)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const came: Uint8Array[] = []
  const closed: (readonly [number, string])[] = []
  await new Promise<void>((resolve) => {
    const socket = connectWs({
      url: new URL(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`),
      clock: systemClock,
      messageBytesMax: BYTES_MAX,
      ca: null,
      onOpen: resolve,
    })
    socket.user = {
      message: (bytes) => came.push(new Uint8Array(bytes)),
      closed: (code, said) => closed.push([code, said]),
    }
    t.teardown(() => socket.terminate())
  })
  return { tcp: await upgraded, came, closed }
}

const message = (number: number, length = 40): Uint8Array => new Uint8Array(length).fill(number)

t.test('messages come whole and in order, wherever TCP cuts them', async (t) => {
  const random = seededRandom(SEED)
  const { tcp, came } = await served(t)
  const sizes = Array.from({ length: 300 }, () => [3, 126, 65_536, BYTES_MAX][below(random, 4)]!)
  const sent = sizes.map((size, i) => message(i & 255, size))
  const stream = Buffer.concat(sent.map((bytes) => frame(BINARY, bytes)))
  for (let at = 0; at < stream.length; ) {
    const end = at + 1 + below(random, [10, 70_000, 300_000][below(random, 3)]!)
    tcp.write(stream.subarray(at, end))
    at = end
    if (random() < 0.3) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  await until(() => came.length === sent.length)
  t.ok(came.every((bytes, i) => Buffer.compare(bytes, sent[i]!) === 0))
  t.ok(
    came.every(({ buffer, length }) => buffer.byteLength === length),
    'buffers of their size',
  )
})

t.test('what comes together with the answer to the request is not lost', async (t) => {
  const whole = frame(BINARY, message(1))
  for (const cutAt of [1, 5, whole.length]) {
    const { tcp, came } = await served(t, whole.subarray(0, cutAt))
    tcp.write(Buffer.concat([whole.subarray(cutAt), frame(BINARY, message(2))]))
    await until(() => came.length === 2)
    t.same(came, [message(1), message(2)])
  }
})

t.test('pings are answered and fragments joined, between messages', async (t) => {
  const { tcp, came } = await served(t)
  const answered: Buffer[] = []
  tcp.on('data', (bytes) => answered.push(bytes))
  tcp.write(frame(BINARY, message(1)))
  tcp.write(frame(PING, Buffer.from('there?')))
  tcp.write(frame(FIRST_PART, message(2)))
  tcp.write(frame(MORE, message(2)))
  tcp.write(frame(BINARY, message(3)))
  await until(() => came.length === 3 && Buffer.concat(answered).includes('there?'))
  t.same(came, [message(1), message(2, 80), message(3)])
})

const ENDS: Readonly<Record<string, readonly [sent: Uint8Array, code: number]>> = {
  text: [frame(TEXT, Buffer.from('hello')), 1003],
  'a message beyond the limit': [frame(BINARY, new Uint8Array(BYTES_MAX + 1)), 1009],
  'a length that no message has': [
    Uint8Array.of(BINARY, 127, ...new Uint8Array(8).fill(255)),
    1009,
  ],
  'a mask': [Uint8Array.of(BINARY, 0x81, 1, 2, 3, 4, 5), 1002],
  'a reserved bit': [Uint8Array.of(0xc2, 1, 0), 1002],
  'a close': [frame(CLOSE, Uint8Array.of(0x0f, 0xa1, 0x6f, 0x6b)), 4001],
}
for (const [what, [sent, code]] of Object.entries(ENDS)) {
  t.test(`${what} ends the connection, after the messages before it`, async (t) => {
    const { tcp, came, closed } = await served(t)
    const back: Buffer[] = []
    tcp.on('data', (bytes) => back.push(bytes))
    tcp.write(Buffer.concat([frame(BINARY, message(1)), sent]))
    await until(() => closed.length > 0 || Buffer.concat(back).length >= 8)
    t.same(came, [message(1)])
    // Its mask is zero.
    const said = Buffer.concat(back)
    t.equal(said[0], CLOSE)
    t.equal(said.readUInt16BE(6), code)
  })
}

t.test('a message that never ends is dropped with its connection', async (t) => {
  const { tcp, came, closed } = await served(t)
  tcp.write(frame(BINARY, message(1)))
  tcp.end(frame(BINARY, message(2)).subarray(0, 20))
  await until(() => closed.length > 0)
  t.same(came, [message(1)])
  t.equal(closed[0]![0], 1006)
})
