import { crc32 as crc32OfZlib } from 'node:zlib'
import t from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import { createCrc32, loadNativeCrc32 } from '../../../lib/wire/crc32.js'
import { beginData, decodeFrame, sealFrame, stampData } from '../../../lib/wire/frame.js'
import { FRAME_BYTES_MAX } from '../../../lib/wire/limits.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed()
const random = seededRandom(SEED)
const below = (end: number): number => Math.floor(random() * end)

const native = loadNativeCrc32()
const ways = { native: createCrc32(native), 'zlib alone': createCrc32(null) }

t.test('this platform has a binary', async (t) => {
  t.type(native, 'function')
})

for (const [name, crc32] of Object.entries(ways)) {
  t.test(`${name}: known sums`, async (t) => {
    // Of "123456789" in every catalogue of CRCs; the others as `zlib.crc32` of Python gives them.
    t.equal(crc32(Buffer.from('123456789')), 0xcbf43926)
    t.equal(crc32(new Uint8Array(0)), 0)
    t.equal(crc32(new Uint8Array(65_536)), 0xd7978eeb)
    t.equal(crc32(new Uint8Array(65_536).fill(0xff)), 0xdeab7e4e)
  })

  t.test(`${name}: any length, from any offset, in one part or in two`, async (t) => {
    const bytes = Uint8Array.from({ length: 70_000 }, () => below(256))
    for (let run = 0; run < 300; run++) {
      const from = below(100)
      const some = bytes.subarray(from, from + below(run % 3 === 0 ? 65_536 : 2100))
      const middle = below(some.length + 1)
      const sum = crc32OfZlib(some)
      t.equal(crc32(some), sum, `${some.length} bytes from ${from}`)
      t.equal(crc32(some.subarray(middle), crc32(some.subarray(0, middle))), sum)
    }
  })
}

const head = { edge: 1, from: 2, to: 3, attempt: 4, session: 5, sequence: 6 }

function sealed(byteLength: number): ArrayBuffer {
  const frame = Uint8Array.from({ length: byteLength }, () => below(256)).buffer
  beginData(new DataView(frame), 1, 1, false)
  stampData(frame, head, 0)
  sealFrame(frame)
  return frame
}

/** Ways in which bytes are damaged on their way; each changes them, or says that it has not. */
const damages: Readonly<Record<string, (bytes: Uint8Array) => boolean>> = {
  'a flipped bit': (bytes) => {
    bytes[below(bytes.length)]! ^= 1 << below(8)
    return true
  },
  'a burst of up to 32 bits': (bytes) => {
    const view = new DataView(bytes.buffer)
    const at = below(bytes.length - 4)
    view.setUint32(at, view.getUint32(at) ^ (1 + below(2 ** 32 - 1)))
    return true
  },
  'two words swapped': (bytes) => {
    const words = new Int32Array(bytes.buffer, 0, bytes.length >> 2)
    const [one, other] = [below(words.length), below(words.length)]
    const [was, and] = [words[one]!, words[other]!]
    words[one] = and
    words[other] = was
    return was !== and
  },
  'zeros in place of a page': (bytes) => {
    const at = below(bytes.length - 4096)
    const were = bytes.subarray(at, at + 4096).some((byte) => byte !== 0)
    bytes.fill(0, at, at + 4096)
    return were
  },
  'a page moved': (bytes) => {
    const was = bytes.slice()
    bytes.copyWithin(below(bytes.length - 4096), below(bytes.length - 4096), bytes.length)
    return was.some((byte, i) => byte !== bytes[i])
  },
  'noise from somewhere on': (bytes) => {
    for (let i = below(bytes.length - 8); i < bytes.length; i++) bytes[i] = below(256)
    return true
  },
}

for (const [name, damage] of Object.entries(damages)) {
  t.test(`a frame is refused after ${name}`, async (t) => {
    const whole = sealed(FRAME_BYTES_MAX)
    t.equal(decodeFrame(whole, true).sequence, head.sequence)
    let passed = 0
    for (let run = 0; run < 200; run++) {
      const frame = whole.slice(0)
      if (!damage(new Uint8Array(frame))) continue
      try {
        decodeFrame(frame, true)
        passed += 1
      } catch (error) {
        t.match(error, { code: 'E_BAD_FRAME' })
      }
    }
    t.equal(passed, 0)
  })
}
