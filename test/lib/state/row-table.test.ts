import t from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import { MemoryRows } from '../../../lib/state/memory-rows.js'
import { RowsAsked } from '../../../lib/state/read-ahead.js'
import { RowCache } from '../../../lib/state/row-cache.js'
import { RowTable } from '../../../lib/state/row-table.js'
import { textRows } from '../../../lib/state/row-text.js'
import { decodeCbor, encodeCbor } from '../../../lib/wire/cbor.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed()

const codec = textRows({ encode: encodeCbor, decode: decodeCbor })

function tableOf(budgetBytes: number) {
  const rows = new MemoryRows()
  const cache = new RowCache({ rows, codec, budgetBytes, recent: 10 })
  const table = new RowTable<number>(cache, {
    pack: (value) => value,
    unpack: (data) => data as number,
    isBusy: null,
    encode: codec.encode,
  })
  return { rows, cache, table }
}

t.test('a table does what a Map does, walks under way included', async (t) => {
  for (let run = 0; run < 30; run++) {
    const random = seededRandom(SEED + run)
    const { table } = tableOf(20_000)
    const map = new Map<number | string, number>()
    const walks: [Iterator<readonly unknown[]>, Iterator<readonly unknown[]>][] = []
    const keys = 1 + Math.floor(random() * 2_000)
    const deletes = random() * 0.6
    for (let step = 0; step < 6_000; step++) {
      const n = Math.floor(random() * keys)
      const key = n % 3 === 0 ? `key \ud800 ${n}` : n
      const dice = random()
      if (dice < deletes) {
        if (table.delete(key) !== map.delete(key)) t.fail(`delete ${key} at ${step}`)
      } else if (dice < 0.8) {
        table.set(key, step, key)
        map.set(key, step)
      } else if (dice < 0.97) {
        if (table.get(key) !== map.get(key)) t.fail(`get ${key} at ${step}`)
      } else if (dice < 0.98) walks.push([table.entries(), map.entries()])
      else if (dice < 0.981 && step % 4 === 0) {
        table.clear()
        map.clear()
        walks.length = 0
      } else {
        for (const [mine, theirs] of walks) {
          for (let i = 0; i < 50; i++) {
            const [a, b] = [mine.next().value, theirs.next().value]
            if (a?.[0] !== b?.[0] || a?.[1] !== b?.[1]) t.fail(`walk at ${step}: ${a} for ${b}`)
          }
        }
      }
      if (table.size !== map.size) t.fail(`size at ${step}`)
      if (!t.passing) return
    }
    t.strictSame(
      [...table.entries()].map(([key, value]) => [key, value]),
      [...map],
      `run ${run}`,
    )
  }
})

t.test('as much is in memory as the budget allows, however much there is', async (t) => {
  const budgetBytes = 100_000
  const { rows, cache, table } = tableOf(budgetBytes)
  for (let key = 0; key < 50_000; key++) {
    table.set(key, key, key)
    if (cache.counts.bytes > budgetBytes * 1.2) t.fail(`${cache.counts.bytes} bytes at ${key}`)
    if (!t.passing) return
  }
  t.ok(rows.size > 49_000)
  for (let key = 0; key < 50_000; key += 7) if (table.get(key) !== key) t.fail(`key ${key}`)
  t.ok(cache.counts.bytes < budgetBytes * 1.2)
})

t.test(
  'rows of what was deleted are deleted, and so are those of a table that was cleared',
  async (t) => {
    const { rows, cache, table } = tableOf(50_000)
    for (let round = 0; round < 20; round++) {
      for (let key = 0; key < 1_000; key++) table.set(key, round, key)
      for (let key = 0; key < 1_000; key++) table.delete(key)
    }
    for (let i = 0; i < 20; i++) table.get(-1 - i)
    cache.flush()
    t.equal(rows.size, 0)
    for (let key = 0; key < 1_000; key++) table.set(key, key, key)
    table.clear()
    table.set(1, 1, 1)
    for (let i = 0; i < 20; i++) table.get(-1 - i)
    cache.flush()
    t.equal(rows.size, 1)
  },
)

t.test('what is read most stays in memory', async (t) => {
  const { cache, table } = tableOf(100_000)
  const random = seededRandom(7)
  for (let key = 0; key < 10_000; key++) table.set(key, key, key)
  const before = cache.counts
  for (let i = 0; i < 50_000; i++) {
    // As between two batches: what was written lands.
    if (i % 1_000 === 0) await Promise.resolve()
    table.get(random() < 0.9 ? Math.floor(random() * 100) : Math.floor(random() * 10_000))
  }
  const { reads, accesses } = cache.counts
  const missed = (reads - before.reads) / (accesses - before.accesses)
  t.ok(missed < 0.11, `${missed} of the accesses read a row`)
})

t.test(
  'what is read ahead is what a read would give, whatever happens until it comes',
  async (t) => {
    for (let run = 0; run < 20; run++) {
      const random = seededRandom(SEED + run)
      const { cache, rows, table } = tableOf(15_000)
      const map = new Map<number, number>()
      /** Answers come late, and in any order. */
      const late: (() => void)[] = []
      const read = (keys: readonly string[]) => {
        const found = keys.map((key) => rows.get(key))
        return new Promise<typeof found>((resolve) => late.push(() => resolve(found)))
      }
      const under: RowsAsked[] = []
      for (let step = 0; step < 4_000; step++) {
        const key = Math.floor(random() * 400)
        const dice = random()
        if (dice < 0.05) {
          const asked = new RowsAsked(1e6, 10)
          for (let i = 0; i < 60; i++) table.ask(Math.floor(random() * 400), asked)
          if (asked.start(read) !== null) under.push(asked)
        } else if (dice < 0.1) {
          late.splice(Math.floor(random() * late.length), 1)[0]?.()
          await Promise.resolve()
        } else if (dice < 0.12) under.shift()?.done()
        else if (dice < 0.4) {
          table.set(key, step, key)
          map.set(key, step)
        } else if (dice < 0.5) {
          table.delete(key)
          map.delete(key)
        } else if (dice < 0.501) {
          table.clear()
          map.clear()
        } else if (table.get(key) !== map.get(key)) {
          t.fail(`key ${key} at ${step} of run ${run}`)
          return
        }
      }
      t.strictSame(
        [...table.entries()].map(([key, value]) => [key, value]),
        [...map],
        `run ${run}, ${cache.counts.reads} reads`,
      )
    }
  },
)
