/** Bundles as a client may send them to a coordinator, and as it must not. */
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { BUNDLE_BYTES_MAX, BundleShelf } from '../../actors/coordinator/bundle-shelf.js'

const TEXT = Buffer.from('export default 1')
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const SHA256 = hashOf(TEXT)
const factsOf = (bytes: number, sha256 = SHA256) => ({ sha256, bytes, name: '../job.ts' })
const REFUSED = { code: 'E_BAD_BUNDLE' }

async function shelfOf(t: Test): Promise<{ shelf: BundleShelf; dir: string }> {
  const dir = join(t.testdir(), 'bundles')
  return { shelf: await BundleShelf.open(dir), dir }
}

t.test(
  'a bundle comes in pieces, twice at a time if need be, and is kept under its hash',
  async (t) => {
    const { shelf, dir } = await shelfOf(t)
    const facts = factsOf(TEXT.length)
    await shelf.put(facts, 0, TEXT.subarray(0, 5))
    await shelf.put(facts, 0, TEXT.subarray(0, 3))
    t.notOk(await shelf.has(SHA256))
    await shelf.put(facts, 5, TEXT.subarray(5))
    t.ok(await shelf.has(SHA256))
    t.same(readdirSync(dir), [`${SHA256}.mjs`])
    t.same(await shelf.piece(SHA256, 7), { bytes: TEXT.subarray(7), length: TEXT.length })
  },
)

t.test('no hash is a path', async (t) => {
  const { shelf, dir } = await shelfOf(t)
  const tricks = ['', '..', '../x', `${SHA256}/../x`, '/etc/passwd', `../${SHA256}`, '__proto__']
  for (const sha256 of [
    ...tricks,
    `${SHA256.slice(0, -1)}\0`,
    SHA256.toUpperCase(),
    `${SHA256}a`,
  ]) {
    await t.rejects(shelf.has(sha256), REFUSED, JSON.stringify(sha256))
    await t.rejects(shelf.piece(sha256, 0), REFUSED)
    await t.rejects(shelf.put(factsOf(TEXT.length, sha256), 0, TEXT), REFUSED)
  }
  t.same(readdirSync(dir), [])
})

t.test(
  'what is not what was told, too large or out of order is refused, and not kept',
  async (t) => {
    const { shelf, dir } = await shelfOf(t)
    const other = factsOf(TEXT.length, hashOf(Buffer.from('another')))
    await t.rejects(shelf.put(other, 0, TEXT), REFUSED)
    await t.rejects(shelf.put(factsOf(BUNDLE_BYTES_MAX + 1), 0, TEXT), REFUSED)
    await t.rejects(shelf.put(factsOf(Number.NaN), 0, TEXT), REFUSED)
    await t.rejects(shelf.put(factsOf(TEXT.length), 3, TEXT.subarray(3)), REFUSED)
    await t.rejects(shelf.put(factsOf(TEXT.length - 1), 0, TEXT), REFUSED)
    await t.rejects(shelf.put(factsOf(TEXT.length), 0, TEXT.subarray(0, 0)), REFUSED)
    t.same(readdirSync(dir), [])
    t.equal(await shelf.piece(SHA256, 0), null)
  },
)

t.test('of bundles that are half-sent the oldest is let go', async (t) => {
  const { shelf } = await shelfOf(t)
  const all = Array.from({ length: 5 }, (_, i) => Buffer.from(`export default ${i}`))
  const sent = all.map((bytes) => ({ bytes, facts: factsOf(bytes.length, hashOf(bytes)) }))
  for (const { bytes, facts } of sent) await shelf.put(facts, 0, bytes.subarray(0, 1))
  const [oldest, ...others] = sent
  await t.rejects(shelf.put(oldest!.facts, 1, oldest!.bytes.subarray(1)), REFUSED)
  for (const { bytes, facts } of others) await shelf.put(facts, 1, bytes.subarray(1))
  t.ok(await shelf.has(others[0]!.facts.sha256))
})
