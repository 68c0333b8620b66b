/**
 * Valid messages, mutated: whatever a connection is given, it takes it or ends, within 50 ms, and nothing
 * is thrown at whoever reads the socket.
 */
import t from 'tap'
import { systemClock } from '../../../lib/base/clock.js'
import { type Random, seededRandom } from '../../../lib/base/random.js'
import { ControlConnection } from '../../../lib/transport/control-connection.js'
import { DataConnection } from '../../../lib/transport/data-connection.js'
import { callerStart, listenerStart, stepListener } from '../../../lib/transport/handshake.js'
import { linkLimits } from '../../../lib/transport/link-limits.js'
import type { Peer } from '../../../lib/transport/node-links.js'
import { decodeMessage, MESSAGE_COST_MAX, PieceCutter } from '../../../lib/transport/pieces.js'
import { Socket } from '../../../lib/transport/socket.js'
import { encodeCbor } from '../../../lib/wire/cbor.js'
import { BatchDecoder } from '../../../lib/wire/decoder.js'
import { BatchEncoder } from '../../../lib/wire/encoder.js'
import {
  DATA_FRAME,
  decodeFrame,
  encodeBarrier,
  encodeCredit,
  encodeWatermark,
  sealFrame,
  stampData,
} from '../../../lib/wire/frame.js'
import { profileViolation } from '../../../lib/wire/profile.js'
import { rawSelf } from '../../support/raw-peer.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed()
const COUNT = 100_000
const STEP_MS_MAX = 50
const SESSION = 7
const peer: Peer = { id: 'm', party: 'node', incarnation: '0'.repeat(16), version: 1, address: '' }

class NoSocket extends Socket {
  protected buffered = (): number => 0
  protected write(): void {}
  protected finish(): void {}
  protected destroy(): void {}
}

const messages = [
  {
    kind: 'Deploy',
    job: 'word-count',
    attempt: 3,
    slots: [1, 2, 3],
    at: new Date(0),
    big: 2n ** 100n,
  },
  new Map<unknown, unknown>([
    ['a', new Set([1, 'é', null])],
    [1, new Float64Array(9)],
  ]),
  [[[[[['deep']]]]], -0, Number.NaN, 'x'.repeat(300), new Uint8Array(100), undefined, true],
].map((message) => encodeCbor(message))

const head = { edge: 1, from: 2, to: 3, attempt: 4, session: SESSION, sequence: 1 }

function frames(): readonly ArrayBuffer[] {
  const records = Array.from({ length: 20 }, (_, i) => ({
    id: i,
    name: `n${i}`,
    at: new Date(i),
    x: [i],
  }))
  const data = new BatchEncoder({ operator: 'fuzz' }).encode(
    { records, keys: null, groups: null, times: null },
    0,
    records.length,
  )
  stampData(data, head, 0)
  const all = [
    data,
    encodeCredit(head, 9),
    encodeWatermark(head, 1.5),
    encodeBarrier(head, 2, false),
  ]
  for (const frame of all) sealFrame(frame)
  return all
}

/** Flips, overwrites, cuts, repeats or inserts, once or a few times. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let mutated = Uint8Array.from(bytes)
  const below = (end: number): number => Math.floor(random() * end)
  for (let times = 1 + below(4); times > 0 && mutated.length > 0; times--) {
    const at = below(mutated.length)
    switch (below(5)) {
      case 0:
        mutated[at]! ^= 1 << below(8)
        break
      case 1:
        mutated[at] = below(256)
        break
      case 2:
        mutated = mutated.slice(0, at)
        break
      case 3:
        mutated = Uint8Array.of(...mutated.subarray(0, at), below(256), ...mutated.subarray(at))
        break
      default:
        mutated.copyWithin(at, below(mutated.length), at + below(16))
    }
  }
  return mutated
}

const cut = (bytes: Uint8Array): ArrayBuffer =>
  [...new PieceCutter(SESSION, 65_536).cut(bytes)][0] ?? new ArrayBuffer(0)

/** A copy of exactly these bytes. */
const whole = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer

/** As a damaged frame that its sender had sealed: past the sum, into the decoders. */
function resealed(bytes: Uint8Array): ArrayBuffer {
  const frame = whole(bytes)
  if (frame.byteLength >= 43) sealFrame(frame)
  return frame
}

/** CPU time, and of several runs where one takes long: other processes share this machine. */
function timeMs(step: () => void): number {
  let bestMs = Number.POSITIVE_INFINITY
  for (let run = 0; run < 5 && bestMs > STEP_MS_MAX; run++) {
    const startMs = performance.now()
    const start = process.cpuUsage()
    step()
    const { user, system } = process.cpuUsage(start)
    bestMs = Math.min(bestMs, performance.now() - startMs, (user + system) / 1000)
  }
  return bestMs
}

t.test(`${COUNT} mutated messages and frames`, { timeout: 300_000 }, async (t) => {
  const random = seededRandom(SEED)
  const samples = frames()
  const hello = callerStart(rawSelf(), 'control').reply!
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  let taken = 0
  let slowestMs = 0
  const attempts: readonly (() => () => void)[] = [
    () => {
      const piece = cut(mutate(pick(messages), random))
      return () => control(piece)
    },
    () => {
      const piece = whole(mutate(new Uint8Array(cut(pick(messages))), random))
      return () => control(piece)
    },
    () => {
      const frame = whole(mutate(new Uint8Array(pick(samples)), random))
      return () => data(frame)
    },
    () => {
      const frame = resealed(mutate(new Uint8Array(pick(samples)), random))
      return () => channel(frame)
    },
    () => {
      const message = mutate(hello, random)
      return () => {
        stepListener(listenerStart, message, rawSelf(), 1)
      }
    },
  ]

  function control(bytes: ArrayBuffer): void {
    const socket = new NoSocket('', systemClock)
    const link = new ControlConnection(socket, peer, SESSION, linkLimits, systemClock)
    link.onMessage(() => {
      taken += 1
    })
    socket.arrived(bytes, true)
    link.terminate()
  }

  function data(bytes: ArrayBuffer): void {
    const socket = new NoSocket('', systemClock)
    const link = new DataConnection(socket, peer, SESSION, linkLimits, false)
    link.onLane(() => {
      taken += 1
    })
    socket.arrived(bytes, true)
    link.terminate()
  }

  /** What a slot does with a frame of its lane. */
  function channel(bytes: ArrayBuffer): void {
    try {
      const frame = decodeFrame(bytes, true)
      if (frame.kind === DATA_FRAME) new BatchDecoder().decode(frame.frame)
      taken += 1
    } catch (error) {
      if (!/^E_BAD_(FRAME|CBOR)$/.test((error as { code?: string }).code ?? '')) throw error
    }
  }

  for (let i = 0; i < COUNT; i++) {
    const step = attempts[i % attempts.length]!()
    slowestMs = Math.max(slowestMs, timeMs(step))
    // Timers of sockets that are left, and other tests, have their turn.
    if (i % 1000 === 0) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  t.ok(slowestMs <= STEP_MS_MAX, `the slowest took ${slowestMs.toFixed(1)} ms`)
  t.ok(taken > 100, `${taken} were still right`)
})

t.test('no message of any size holds the thread up for longer', async (t) => {
  const size = linkLimits.messageBytesMax - 16
  const name = (i: number): number[] =>
    [26 ** 3, 26 ** 2, 26, 1].map((at) => 97 + (Math.floor(i / at) % 26))
  const fill: Readonly<Record<string, (i: number) => readonly number[]>> = {
    zeros: () => [0],
    'empty maps': () => [0xa0],
    'empty arrays': () => [0x80],
    texts: () => [0x61, 0x62],
    'big numbers': () => [0xc2, 0x41, 9],
    'typed arrays': () => [0xd8, 86, 0x40],
    'maps of ever new names': (i) => [0xa1, 0x64, ...name(i), 1],
  }
  for (const [what, item] of Object.entries(fill)) {
    const items: number[] = []
    let count = 0
    while (items.length < size) items.push(...item(count++))
    const head = [0x9a, count >>> 24, count >>> 16, count >>> 8, count]
    const all = Uint8Array.from(items)
    const bytes = new Uint8Array(head.length + all.length)
    bytes.set(head)
    bytes.set(all, head.length)
    for (const part of [bytes, firstItems(bytes, all, count)]) {
      const tookMs = timeMs(() => {
        try {
          decodeMessage(part)
        } catch {}
      })
      t.ok(tookMs <= STEP_MS_MAX, `${what}: ${tookMs.toFixed(1)} ms`)
    }
  }
})

/** The message of as many items as are still let through. */
function firstItems(whole: Uint8Array, items: Uint8Array, count: number): Uint8Array {
  const itemBytes = items.length / count
  for (let share = count; ; share = Math.floor(share * 0.9)) {
    const bytes = whole.slice(0, 5 + share * itemBytes)
    bytes.set([0x9a, share >>> 24, share >>> 16, share >>> 8, share])
    if (profileViolation(bytes, MESSAGE_COST_MAX) === null) return bytes
  }
}
