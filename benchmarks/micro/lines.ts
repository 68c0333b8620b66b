/**
 * What reading costs: lines, CSV and NDJSON of a generated file, through the connectors' own readers,
 * without any operator behind them; and how much memory a kept line keeps alive.
 */
import { mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import { csv, lines, ndjson, type Source } from '../../lib/connectors/index.js'

export interface Measurement {
  readonly name: string
  readonly value: number
  readonly unit: string
}

export interface BenchOptions {
  /** A tenth of the work, to see that it runs. */
  readonly quick: boolean
}

const REPETITIONS = 5
const BATCH = 1024
/** One line in so many is kept, so that each pins a run of its own. */
const KEEP_EACH = 1000

export async function linesBench({ quick }: BenchOptions): Promise<Measurement[]> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-lines-'))
  const rows = quick ? 100_000 : 1_000_000
  try {
    const words = await write(join(directory, 'words.txt'), rows, wordsLine)
    const table = await write(join(directory, 'table.csv'), rows, csvLine)
    const objects = await write(join(directory, 'objects.ndjson'), rows, jsonLine)
    const typed = { header: false, columns: ['id', 'name', 'price', 'city', 'at'] } as const
    return [
      ...(await measure('lines', words, () => lines(words))),
      ...(await measure('csv, all columns as text', table, () => csv(table, typed))),
      ...(await measure('csv, all columns, one a number', table, () =>
        csv(table, { ...typed, columns: typed.columns, types: { price: 'number' } }),
      )),
      ...(await measure('ndjson', objects, () => ndjson(objects))),
      await pinned(words),
    ]
  } finally {
    await rm(directory, { recursive: true })
  }
}

const wordsLine = (i: number): string =>
  `${i} the quick brown fox ${i % 977} jumps over the lazy dog ${(i * 7919) % 10_007} again`
const csvLine = (i: number): string =>
  `${i},name-${i % 5000},${(i % 997) / 100},city of ${i % 300},2024-01-01T00:00:${10 + (i % 50)}Z`
const jsonLine = (i: number): string =>
  `{"id":${i},"name":"name-${i % 5000}","price":${(i % 997) / 100},"city":"city of ${i % 300}"}`

async function write(path: string, rows: number, line: (i: number) => string): Promise<string> {
  const handle = await open(path, 'w')
  let text = ''
  for (let i = 0; i < rows; i++) {
    text += `${line(i)}\n`
    if (text.length < 1_000_000 && i < rows - 1) continue
    await handle.write(text)
    text = ''
  }
  await handle.close()
  return path
}

/** Reads it once per repetition; medians. The file is in the page cache. */
async function measure(
  name: string,
  path: string,
  source: () => Source<unknown>,
): Promise<Measurement[]> {
  const { size } = await stat(path)
  const times: number[] = []
  let records = 0
  for (let repetition = 0; repetition <= REPETITIONS; repetition++) {
    records = 0
    const beganMs = performance.now()
    await readAll(source(), (batch) => {
      records += batch.length
    })
    // The first is for the compiler.
    if (repetition > 0) times.push(performance.now() - beganMs)
  }
  const ms = times.sort((a, b) => a - b)[times.length >> 1]!
  return [
    { name, value: size / 1e3 / ms, unit: 'MB/s' },
    { name, value: records / 1e3 / ms, unit: 'M records/s' },
  ]
}

async function pinned(path: string): Promise<Measurement> {
  const kept: unknown[] = []
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  await readAll(lines(path), (batch) => {
    for (let i = 0; i < batch.length; i += KEEP_EACH) kept.push(batch[i])
  })
  globalThis.gc?.()
  const bytes = (process.memoryUsage().heapUsed - before) / kept.length
  const name = `memory per kept line${globalThis.gc === undefined ? ' (run with --expose-gc)' : ''}`
  return { name, value: bytes, unit: 'bytes' }
}

async function readAll<T>(source: Source<T>, take: (batch: readonly T[]) => void): Promise<void> {
  let onWake = () => {}
  const context = {
    operator: source.label,
    subtask: 0,
    parallelism: 1,
    clock: systemClock,
    wake: () => onWake(),
    fail: (error: Error) => {
      throw error
    },
    badRecord: (cause: Error) => {
      throw new MillraceError('E_BAD_RECORD', cause.message, { cause })
    },
  }
  for (const split of await source.splits(1)) {
    const reader = source.open(split, null, context)
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        onWake = resolve
      })
      const batch: T[] = []
      const status = reader.read(batch, BATCH)
      if (batch.length > 0) take(batch)
      if (status === 'end') break
      if (status === 'waiting') await woken
    }
    await reader.close()
  }
}
