import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  dataFileName,
  HEADER_BYTES,
  isIntact,
  readDirectory,
} from '../../../benchmarks/nexmark/data-file.js'
import { DataReader } from '../../../benchmarks/nexmark/data-reader.js'
import { replayed } from '../../../benchmarks/nexmark/data-source.js'
import { writeDataFile } from '../../../benchmarks/nexmark/data-writer.js'
import type { Dataset } from '../../../benchmarks/nexmark/dataset.js'
import { generated } from '../../../benchmarks/nexmark/generated-source.js'
import {
  EVENT_KINDS,
  type EventKind,
  kindOf,
  type NexmarkEvent,
} from '../../../benchmarks/nexmark/model.js'
import { systemClock } from '../../../lib/base/clock.js'
import type { Json } from '../../../lib/base/json.js'
import type { Source, SourceReader } from '../../../lib/connectors/source.js'

const dataset: Dataset = { events: 3_130, rate: 10_000, seed: 3, profile: 'M', outOfOrder: 1 }

t.test('a data file gives back what was generated, in order, of the kinds asked for', async (t) => {
  for (const outOfOrder of [1, 50, 1000]) {
    const directory = t.testdir()
    const whole = { ...dataset, events: 3_000, outOfOrder }
    for (const partition of [0, 1]) writeDataFile(directory, whole, partition, 2)
    for (const reads of [EVENT_KINDS, ['bid'], ['person', 'auction']] as EventKind[][]) {
      const from = await readAll(replayed(directory, reads))
      t.strictSame(from, await readAll(generated(whole, reads, 2)))
      const all = from.flat()
      t.equal(all.length, 3_000 * shareOf(reads))
      t.ok(all.every(({ seq }) => reads.includes(kindOf(seq))))
    }
  }
})

t.test('reading goes on behind any position', async (t) => {
  const directory = t.testdir()
  writeDataFile(directory, dataset, 0, 1)
  for (const source of [replayed(directory, ['bid']), generated(dataset, ['bid'], 1)]) {
    const [whole] = (await readAll(source)) as [NexmarkEvent[]]
    const reader = await open(source, null)
    const before: NexmarkEvent[] = []
    for (let status = 'more'; status === 'more'; ) {
      status = reader.read(before, 333)
      const rest = drain(await open(source, reader.position()))
      t.same(
        rest.map(({ seq }) => seq),
        whole.slice(before.length).map(({ seq }) => seq),
      )
    }
    t.equal(before.length, whole.length)
    reader.close()
  }
})

t.test('the header describes the data set, and its sum finds damage', async (t) => {
  const directory = t.testdir()
  const written = writeDataFile(directory, dataset, 0, 1)
  t.strictSame(readDirectory(directory), [written])
  t.match(written, { dataset, events: dataset.events, blocks: 4, partitions: 1 })
  const file = join(directory, dataFileName(0, 1))
  t.ok(isIntact(file))
  const bytes = readFileSync(file)
  bytes[HEADER_BYTES + 5000]! ^= 1
  writeFileSync(file, bytes)
  t.notOk(isIntact(file))
})

t.test('a directory that is not one whole data set is refused by what it lacks', async (t) => {
  t.throws(() => readDirectory(join(t.testdir(), 'none')), { code: 'E_NO_DATA' })
  t.throws(() => readDirectory(t.testdir()), { code: 'E_NO_DATA', message: /generate/ })
  const directory = t.testdir()
  writeDataFile(directory, dataset, 1, 2)
  t.throws(() => readDirectory(directory), { code: 'E_NO_DATA', message: /events-1-of-2/ })
  writeFileSync(join(directory, dataFileName(0, 2)), 'no data')
  t.throws(() => new DataReader(join(directory, dataFileName(0, 2)), ['bid']), {
    code: 'E_NO_DATA',
  })
})

const shareOf = (reads: readonly EventKind[]): number =>
  reads.reduce((sum, kind) => sum + { person: 0.02, auction: 0.06, bid: 0.92 }[kind], 0)

/** What each split of a source gives. */
async function readAll(source: Source<NexmarkEvent>): Promise<NexmarkEvent[][]> {
  const splits = await source.splits(1)
  return splits.map((split) => drain(source.open(split, null, context)))
}

const open = async (
  source: Source<NexmarkEvent>,
  position: Json,
): Promise<SourceReader<NexmarkEvent>> =>
  source.open((await source.splits(1))[0]!, position, context)

function drain(reader: SourceReader<NexmarkEvent>): NexmarkEvent[] {
  const out: NexmarkEvent[] = []
  while (reader.read(out, 700) === 'more');
  reader.close()
  return out
}

const context = {
  operator: 'events',
  subtask: 0,
  parallelism: 1,
  clock: systemClock,
  wake: () => {},
  fail: (error: Error) => {
    throw error
  },
  badRecord: (error: Error) => {
    throw error
  },
}
