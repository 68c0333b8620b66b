/** What a node fetches of a job module, and what it finds at home. */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { Bundles } from '../../actors/node/bundles.js'

const TEXT = 'export default 1\n'.repeat(1_000)
const SHA256 = createHash('sha256').update(TEXT).digest('hex')
const PIECE = 4_096

/** A coordinator that holds it, and counts how often it was given from the beginning. */
function shelf(text = TEXT) {
  const bytes = Buffer.from(text)
  const told = { times: 0, pieces: 0 }
  const piece = async (_sha256: string, offset: number) => {
    if (offset === 0) told.times++
    told.pieces++
    return { bytes: bytes.subarray(offset, offset + PIECE), length: bytes.length }
  }
  return { told, piece }
}

function emptyCache(t: Test): void {
  process.env.MILLRACE_CACHE_DIR = t.testdir()
}

t.test('a bundle is fetched once, however many slots begin with it, and when', async (t) => {
  emptyCache(t)
  const { told, piece } = shelf()
  const bundles = new Bundles()
  const files = await Promise.all([bundles.fetch(SHA256, piece), bundles.fetch(SHA256, piece)])
  t.equal(readFileSync(files[0]!, 'utf8'), TEXT)
  t.equal(files[1], files[0])
  // A slot that is restarted, replaced or moved here later.
  t.equal(await bundles.fetch(SHA256, piece), files[0])
  t.equal(told.times, 1)
  t.equal(told.pieces, Math.ceil(TEXT.length / PIECE))
  // The node is started again.
  t.equal(await new Bundles().fetch(SHA256, piece), files[0])
  t.equal(told.times, 1)
})

t.test('what is damaged at home is fetched anew, and repaired', async (t) => {
  emptyCache(t)
  const { told, piece } = shelf()
  const file = await new Bundles().fetch(SHA256, piece)
  writeFileSync(file, TEXT.slice(1))
  t.equal(await new Bundles().fetch(SHA256, piece), file)
  t.equal(readFileSync(file, 'utf8'), TEXT)
  t.equal(told.times, 2)
})

t.test('what arrives damaged is refused, and fetched again by the next', async (t) => {
  emptyCache(t)
  const bundles = new Bundles()
  await t.rejects(bundles.fetch(SHA256, shelf(`${TEXT} `).piece), { code: 'E_BUNDLE_DAMAGED' })
  const { told, piece } = shelf()
  t.equal(readFileSync(await bundles.fetch(SHA256, piece), 'utf8'), TEXT)
  t.equal(told.times, 1)
})
