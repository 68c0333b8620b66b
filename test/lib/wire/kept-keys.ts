/**
 * Keeps one key of each of many frames and prints how many bytes each of them keeps alive; with the
 * argument `copied`, of keys copied as state does, with `long`, of keys of a thousand characters. To be run
 * with `--expose-gc`.
 */
import { flatKey } from '../../../lib/base/key.js'
import { BatchDecoder } from '../../../lib/wire/decoder.js'
import { BatchEncoder } from '../../../lib/wire/encoder.js'

const FRAMES = 4000
const RECORDS = 40
const LONG = 1000

function heapUsed(): number {
  const { gc } = globalThis as { gc?: () => void }
  for (let i = 0; i < 3; i++) gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function bytesPerKey(copy: (key: unknown) => unknown, length: number): number {
  const encoder = new BatchEncoder({ operator: 'test' })
  const decoder = new BatchDecoder()
  const kept: unknown[] = []
  const receive = (frame: number): void => {
    const keys = Array.from({ length: RECORDS }, (_, i) =>
      `key-${frame}-of-customer-${i}`.padEnd(length, 'x'),
    )
    const batch = { records: keys, keys, groups: null }
    kept.push(copy(decoder.decode(encoder.encode(batch, 0, RECORDS))?.keys?.[RECORDS / 2]))
  }
  for (let frame = 0; frame < FRAMES; frame++) receive(frame)
  // Beside the keys nothing changes between these: code that is compiled, or forgotten, is as large as many keys.
  const withKeys = heapUsed()
  kept.length = 0
  return Math.round((withKeys - heapUsed()) / FRAMES)
}

const mode = process.argv[2]
console.log(bytesPerKey(mode === 'copied' ? flatKey : (key) => key, mode === 'long' ? LONG : 0))
