/**
 * What every source must do, as a function of a factory.
 *
 * `source` makes it anew; `expected` is what all its splits give in order. `steps` are the batch sizes
 * to read with. For sources that replay, every split is cut at every position: what was read before
 * it and what a reader opened there gives must be the whole.
 */
import type { Test } from 'tap'
import type { Json } from '../../lib/base/json.js'
import type { Source } from '../../lib/connectors/source.js'
import { DrivenReader, readAll } from '../support/source-harness.js'

export interface SourceCase<T> {
  readonly name: string
  readonly source: () => Source<T>
  readonly expected: readonly T[]
  readonly parallelism?: number
  /** How many values it has taken from where they come, to see that it waits to be asked. */
  readonly pulled?: () => number
  readonly pulledMax?: number
}

export async function sourceConformance<T>(t: Test, given: SourceCase<T>): Promise<void> {
  const { name, source, expected, parallelism = 1 } = given
  await t.test(name, async (t) => {
    await t.test('lists splits with stable, distinct ids that survive JSON', async (t) => {
      const first = await source().splits(parallelism)
      const second = await source().splits(parallelism)
      t.same(second, first)
      t.equal(new Set(first.map(({ id }) => id)).size, first.length)
      t.same(JSON.parse(JSON.stringify(first)), first)
      t.same(JSON.parse(JSON.stringify(source().settings)), source().settings)
    })

    await t.test('gives all records, whatever the size of the reads', async (t) => {
      t.same(await readAll(source(), parallelism), expected)
      for (const max of [1, 3]) {
        const records: T[] = []
        for (const split of await source().splits(parallelism)) {
          const reader = new DrivenReader(source(), split)
          records.push(...(await reader.all(max)))
          await reader.close()
        }
        t.same(records, expected, `reads of ${max}`)
      }
    })

    await t.test('closes at any time, twice, and gives nothing afterwards', async (t) => {
      for (const split of (await source().splits(parallelism)).slice(0, 2)) {
        const fresh = new DrivenReader(source(), split)
        await fresh.close()
        await fresh.close()
        const used = new DrivenReader(source(), split)
        await used.take(1)
        await used.close()
        await used.close()
        t.same(used.step(10), { records: [], ended: true })
      }
    })

    if (given.pulled !== undefined) {
      await t.test('reads ahead by a bounded amount only', async (t) => {
        const [split] = await source().splits(parallelism)
        const before = given.pulled!()
        const reader = new DrivenReader(source(), split!)
        t.equal(given.pulled!(), before, 'nothing before the first read')
        await reader.take(1)
        for (let turn = 0; turn < 20; turn++) await new Promise((done) => setImmediate(done))
        t.ok(given.pulled!() - before <= given.pulledMax! + 1, `${given.pulled!() - before}`)
        await reader.close()
      })
    }

    if (source().replays) {
      await t.test('resumes at every position with exactly the rest', async (t) => {
        const cuts: string[] = []
        for (const split of await source().splits(parallelism)) {
          const whole = await readSplit(source(), split, null)
          const reader = new DrivenReader(source(), split)
          for (let count = 0; count <= whole.length; count++) {
            const rest = await readSplit(source(), split, reader.position)
            const isRest = JSON.stringify(rest) === JSON.stringify(whole.slice(count))
            if (!isRest) cuts.push(`${split.id} behind ${count} records`)
            if (count < whole.length) await reader.take(1)
          }
          await reader.close()
        }
        t.same(cuts, [])
      })
    }
  })
}

async function readSplit<T>(
  source: Source<T>,
  split: Parameters<Source<T>['open']>[0],
  position: Json,
): Promise<T[]> {
  const reader = new DrivenReader(source, split, position)
  const records = await reader.all()
  await reader.close()
  return records
}
