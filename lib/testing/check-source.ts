/** What every source must do. */
import { isDeepStrictEqual } from 'node:util'
import type { Json } from '../base/json.js'
import type { Source, Split } from '../connectors/source.js'
import { DrivenReader, readAll } from './driven-reader.js'
import {
  assertSame,
  assertTrue,
  type Conformance,
  checkLaws,
  type Law,
  someTurns,
  throughJson,
} from './laws.js'

/** A source to check, and what it should give. */
export interface SourceCheck<T> {
  /** Makes it anew: each call must read the same. */
  readonly source: () => Source<T>
  /** All records of all splits, in the order in which the splits are listed. */
  readonly expected: readonly T[]
  /** Subtasks to list splits for. Default 1. */
  readonly parallelism?: number
  /** How many records it has taken from where they come: checks that it waits to be asked. */
  readonly pulled?: () => number
  /** How many it may take ahead. Default 0. */
  readonly pulledMax?: number
}

/**
 * Checks that a bounded source keeps the contract: stable splits, all records whatever the size of the
 * reads, closing at any time; and, where it says that it replays, that a reader opened at any position
 * gives exactly the rest. Each split is read as often as it has records: a hundred or so are enough.
 *
 * @throws MillraceError `E_CONFORMANCE`, naming every law that is broken.
 *
 * @example
 * await checkSource({ source: () => fromArray(['to', 'be']), expected: ['to', 'be'] })
 */
export function checkSource<T>(given: SourceCheck<T>): Promise<Conformance> {
  const source = given.source()
  const laws = [splitsAreStable(given), allRecords(given), closesAnytime(given)]
  if (given.pulled !== undefined) laws.push(readsAhead(given, given.pulled))
  if (source.replays) laws.push(resumes(given))
  return checkLaws(source.label, laws)
}

const splitsAreStable = <T>({ source, parallelism = 1 }: SourceCheck<T>): Law => ({
  says: 'lists splits with stable, distinct ids that survive JSON',
  async check() {
    const first = await source().splits(parallelism)
    assertSame(await source().splits(parallelism), first, 'listed again')
    assertSame(new Set(first.map(({ id }) => id)).size, first.length, 'distinct ids')
    assertSame(throughJson(first), first, 'splits as JSON')
    const { settings } = source()
    assertSame(throughJson(settings), settings, 'settings as JSON')
  },
})

const allRecords = <T>({ source, parallelism = 1, expected }: SourceCheck<T>): Law => ({
  says: 'gives all records, whatever the size of the reads',
  async check() {
    assertSame(await readAll(source(), parallelism), expected, 'records')
    for (const max of [1, 3]) {
      const records: T[] = []
      for (const split of await source().splits(parallelism)) {
        const reader = new DrivenReader(source(), split)
        records.push(...(await reader.all(max)))
        await reader.close()
      }
      assertSame(records, expected, `records by reads of ${max}`)
    }
  },
})

const closesAnytime = <T>({ source, parallelism = 1 }: SourceCheck<T>): Law => ({
  says: 'closes at any time, twice, and gives nothing afterwards',
  async check() {
    for (const split of (await source().splits(parallelism)).slice(0, 2)) {
      const fresh = new DrivenReader(source(), split)
      await fresh.close()
      await fresh.close()
      const used = new DrivenReader(source(), split)
      await used.take(1)
      await used.close()
      await used.close()
      assertSame(used.step(10), { records: [], ended: true }, 'read after close')
    }
  },
})

const readsAhead = <T>(
  { source, parallelism = 1, pulledMax = 0 }: SourceCheck<T>,
  pulled: () => number,
): Law => ({
  says: 'reads ahead by a bounded amount only, and only when it is read',
  async check() {
    const [split] = await source().splits(parallelism)
    const before = pulled()
    const reader = new DrivenReader(source(), split!)
    assertSame(pulled(), before, 'taken before the first read')
    await reader.take(1)
    await someTurns()
    const taken = pulled() - before
    assertTrue(taken <= pulledMax + 1, `one record was read, ${taken} were taken`)
    await reader.close()
  },
})

const resumes = <T>({ source, parallelism = 1 }: SourceCheck<T>): Law => ({
  says: 'resumes at every position with exactly the rest',
  async check() {
    for (const split of await source().splits(parallelism)) {
      const whole = await readSplit(source(), split, null)
      const reader = new DrivenReader(source(), split)
      for (let count = 0; count <= whole.length; count++) {
        const rest = await readSplit(source(), split, reader.position)
        const isRest = isDeepStrictEqual(rest, whole.slice(count))
        if (!isRest) assertSame(rest, whole.slice(count), `${split.id} behind ${count} records`)
        if (count < whole.length) await reader.take(1)
      }
      await reader.close()
    }
  },
})

async function readSplit<T>(source: Source<T>, split: Split, position: Json): Promise<T[]> {
  const reader = new DrivenReader(source, split, position)
  const records = await reader.all()
  await reader.close()
  return records
}
