/**
 * What every link must hold, as a function of a factory: run on loopback, message ports and sockets.
 */
import type { Test } from 'tap'
import { seededRandom } from '../../lib/base/random.js'
import type { Link } from '../../lib/transport/transport.js'
import { beginData, decodeFrame, sealFrame, stampData } from '../../lib/wire/frame.js'
import { until } from '../support/until.js'

export interface LinkPair {
  /** At slot `left` and at slot `right`: the peer of the first is `right`. */
  readonly ends: readonly [Link, Link]
  /** What its frames carry, where the link goes by it. */
  readonly session?: number
  /** Releases what the ends stand on. */
  close(): Promise<void>
}

export function testLink(t: Test, name: string, open: () => Promise<LinkPair>): void {
  const law = (what: string, test: (t: Test, left: Link, right: Link) => Promise<void>): void => {
    t.test(`${name} ${what}`, async (t) => {
      const pair = await open()
      session = pair.session ?? 0
      await test(t, ...pair.ends)
      pair.ends[0].close()
      pair.ends[1].close()
      await pair.close()
    })
  }

  law('names its peer', async (t, left, right) => {
    t.equal(left.peer, 'right')
    t.equal(right.peer, 'left')
  })

  law('brings frames whole and in order, both ways', async (t, left, right) => {
    t.equal(right.poll(), null)
    const random = seededRandom(1)
    const sizes = Array.from({ length: 200 }, () => 64 + 4 * Math.floor(random() * 16_384))
    sizes.forEach((size, i) => {
      left.send(frameOf(i, size))
      right.send(frameOf(i, size))
    })
    for (const end of [right, left]) {
      const frames = await receive(end, sizes.length)
      t.same(frames.map(numberIn), [...sizes.keys()])
      t.same(
        frames.map(({ byteLength }) => byteLength),
        sizes,
      )
      t.ok(frames.every(isWhole), 'the last byte is what was sent')
    }
    t.equal(right.poll(), null, 'nothing comes twice')
  })

  law('keeps the order between what is polled and what woke the thread', async (t, left, right) => {
    const random = seededRandom(2)
    const numbers: number[] = []
    for (let sent = 0; numbers.length < 300; ) {
      for (let burst = random() * 4; burst > 0 && sent < 300; burst--)
        left.send(frameOf(sent++, 64))
      if (random() < 0.5) await new Promise<void>((resolve) => setImmediate(resolve))
      if (random() < 0.3) right.arm()
      for (let polls = random() * 5; polls > 0; polls--) {
        const frame = right.poll()
        if (frame !== null) numbers.push(numberIn(frame))
      }
    }
    t.same(numbers, [...numbers.keys()])
  })

  law('wakes an armed thread when a frame arrives', async (t, left, right) => {
    let woken = 0
    right.onReadable(() => {
      woken += 1
    })
    right.arm()
    t.equal(woken, 0)
    left.send(frameOf(1, 64))
    await until(() => woken > 0)
    t.equal(numberIn(right.poll()!), 1)
    left.send(frameOf(2, 64))
    await receive(right, 1)
    right.arm()
    left.send(frameOf(3, 64))
    await until(() => woken > 1)
    t.equal(numberIn(right.poll()!), 3, 'it can be armed again')
  })

  law('wakes a thread that arms after the frame has arrived', async (t, left, right) => {
    let woken = 0
    right.onReadable(() => {
      woken += 1
    })
    left.send(frameOf(1, 64))
    for (let turn = 0; turn < 20; turn++) await new Promise<void>((r) => setImmediate(r))
    right.arm()
    await until(() => woken > 0)
    t.equal(numberIn((await receive(right, 1))[0]!), 1)
  })

  law(
    'tells both sides once when one closes, the closer without a reason',
    async (t, left, right) => {
      const told: [string, Error | null][] = []
      left.onClose((reason) => told.push(['left', reason]))
      right.onClose((reason) => told.push(['right', reason]))
      left.close()
      left.close()
      await until(() => told.length === 2)
      right.close()
      t.same(new Map(told).get('left'), null)
      t.match(new Map(told).get('right'), { code: 'E_LINK_CLOSED', message: /link to left/ })
      t.equal(told.length, 2)
      left.send(frameOf(1, 64))
      right.send(frameOf(1, 64))
      t.equal(left.poll(), null)
      t.equal(right.poll(), null, 'what is sent on a closed link is dropped')
    },
  )

  law('still gives out what was sent before the other side closed', async (t, left, right) => {
    let closed = false
    right.onClose(() => {
      closed = true
    })
    for (let i = 0; i < 10; i++) left.send(frameOf(i, 65_536))
    left.close()
    await until(() => closed)
    const frames = await receive(right, 10)
    t.same(frames.map(numberIn), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    t.equal(right.poll(), null)
  })
}

/** Of the link under test. */
let session = 0

/** A sealed frame of at least 64 bytes that ends with its number. */
function frameOf(number: number, bytes: number): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(bytes))
  beginData(view, 0, 0, false)
  stampData(view.buffer, { edge: 0, from: 0, to: 0, attempt: 0, session, sequence: number }, 0)
  view.setUint32(bytes - 4, number)
  sealFrame(view.buffer)
  return view.buffer
}

const numberIn = (frame: ArrayBuffer): number => decodeFrame(frame, true).sequence

const isWhole = (frame: ArrayBuffer): boolean =>
  new DataView(frame).getUint32(frame.byteLength - 4) === numberIn(frame)

async function receive(end: Link, count: number): Promise<ArrayBuffer[]> {
  const frames: ArrayBuffer[] = []
  await until(() => {
    for (let frame = end.poll(); frame !== null; frame = end.poll()) frames.push(frame)
    return frames.length >= count
  })
  return frames
}
