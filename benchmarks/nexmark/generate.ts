/** `generate`: a data set into files, as text or in the form that `--data` replays. */

import { once } from 'node:events'
import { createWriteStream, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeDataFile } from './data-writer.js'
import type { Dataset } from './dataset.js'
import { TSV, toJson } from './event-text.js'
import { type Flag, type Flags, pick, required } from './flags.js'
import { Generator } from './generator.js'
import { EVENT_KINDS, type EventKind, kindOf } from './model.js'
import { PartitionOrder } from './partition.js'
import { DATASET_ARGUMENTS, datasetOf, oneOf, wholeNumber } from './settings.js'

export const GENERATE_FLAGS: readonly Flag[] = [...DATASET_ARGUMENTS, 'partitions', 'format', 'out']
const FORMATS = ['tsv', 'ndjson', 'bin'] as const
const CHUNK_CHARACTERS = 1 << 18

/** Gives the names of the files. */
export async function generate(flags: Flags): Promise<void> {
  const dataset = datasetOf(pick(flags, DATASET_ARGUMENTS))
  const partitions = wholeNumber('partitions', flags.partitions ?? '1', 1, 1024)
  const format = oneOf('format', required('generate', flags, 'format'), FORMATS)
  const directory = required('generate', flags, 'out')
  mkdirSync(directory, { recursive: true })
  for (let partition = 0; partition < partitions; partition++) {
    if (format === 'bin') writeDataFile(directory, dataset, partition, partitions)
    else await writeText(directory, dataset, partition, partitions, format)
  }
}

/** One file per kind and partition: `bid.tsv`, or `bid-0-of-2.tsv`. */
async function writeText(
  directory: string,
  dataset: Dataset,
  partition: number,
  partitions: number,
  format: 'tsv' | 'ndjson',
): Promise<void> {
  const suffix = partitions === 1 ? '' : `-${partition}-of-${partitions}`
  const files = new Map(
    EVENT_KINDS.map((kind) => [kind, new TextFile(join(directory, `${kind}${suffix}.${format}`))]),
  )
  const generator = new Generator(dataset)
  const order = new PartitionOrder(dataset, partition, partitions)
  for (let seq = order.next(); seq >= 0; seq = order.next()) {
    const kind: EventKind = kindOf(seq)
    const event = generator.event(seq)
    const file = files.get(kind)!
    if (file.add(format === 'tsv' ? TSV[kind](event) : toJson(event))) await file.drained()
  }
  for (const file of files.values()) await file.end()
}

class TextFile {
  readonly #stream
  #text = ''

  constructor(path: string) {
    this.#stream = createWriteStream(path, 'latin1')
  }

  /** True where the caller has to wait until it is drained. */
  add(line: string): boolean {
    this.#text += `${line}\n`
    return this.#text.length >= CHUNK_CHARACTERS
  }

  async drained(): Promise<void> {
    const isTaken = this.#stream.write(this.#text, 'latin1')
    this.#text = ''
    if (!isTaken) await once(this.#stream, 'drain')
  }

  async end(): Promise<void> {
    this.#stream.end(this.#text, 'latin1')
    await once(this.#stream, 'finish')
  }
}
