/** Runs one baseline once, and measures it. */
import { join } from 'node:path'
import { MillraceError } from '../../lib/base/errors.js'
import { BASELINES, baselineText } from './baselines.js'
import { dataFileName, readDirectory } from './data-file.js'
import { DataReader } from './data-reader.js'
import { type Flag, type Flags, required } from './flags.js'
import { addSums, NO_ROWS, negated, sumOf } from './row-hash.js'
import type { Cell } from './row-text.js'
import { oneOf } from './settings.js'

export const BASELINE_FLAGS: readonly Flag[] = ['query', 'data', 'sink']

export interface BaselineReport {
  readonly baseline: string
  readonly events: number
  readonly wallSeconds: number
  readonly cpuSeconds: number
  readonly eventsPerSecond: number
  readonly peakRssMb: number
  readonly rows: number
  readonly rowSum?: number
}

export function runBaseline(flags: Flags): BaselineReport {
  const query = required('baseline', flags, 'query')
  const baseline = BASELINES[query]
  if (baseline === undefined) throw noBaseline(query)
  const directory = required('baseline', flags, 'data')
  const sink = oneOf('sink', flags.sink ?? 'blackhole', ['blackhole', 'hash'])
  if (readDirectory(directory).length !== 1) throw severalPartitions(directory)
  let sum = NO_ROWS
  let rows = 0
  const add = (row: readonly Cell[], sign: 1 | -1 = 1): void => {
    const of = sumOf(baselineText(query, row))
    sum = addSums(sum, sign === 1 ? of : negated(of))
  }
  const count = (row: readonly Cell[]): void => {
    rows += row.length > 0 ? 1 : 0
  }
  const loop = baseline.create(sink === 'hash' ? add : count)
  const reader = new DataReader(join(directory, dataFileName(0, 1)), baseline.reads)
  const before = process.cpuUsage()
  const startMs = performance.now()
  for (let block = 0; block < reader.blocks; block++) loop.block(reader.block(block))
  loop.end()
  const wallSeconds = (performance.now() - startMs) / 1000
  const cpu = process.cpuUsage(before)
  reader.close()
  const { events } = reader.header
  return {
    baseline: query,
    events,
    wallSeconds: Number(wallSeconds.toFixed(3)),
    cpuSeconds: Number(((cpu.user + cpu.system) / 1e6).toFixed(3)),
    eventsPerSecond: Math.round(events / wallSeconds),
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    rows: sink === 'hash' ? sum.rows : rows,
    ...(sink === 'hash' && { rowSum: sum.sum }),
  }
}

const noBaseline = (query: string): MillraceError =>
  new MillraceError(
    'E_BAD_ARGUMENT',
    `--query: there is no baseline of "${query}"; there are ${Object.keys(BASELINES).join(', ')}`,
  )

const severalPartitions = (directory: string): MillraceError =>
  new MillraceError(
    'E_BAD_ARGUMENT',
    `--data ${directory} holds several partitions; a baseline reads one: generate --partitions 1`,
  )
