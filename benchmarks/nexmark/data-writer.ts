/** Writes one partition of a data set as a data file. */
import { createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type DataHeader, dataFileName, FORMAT, HEADER_BYTES } from './data-file.js'
import { encodeSection } from './data-section.js'
import type { Dataset } from './dataset.js'
import { Generator } from './generator.js'
import { EVENT_KINDS, kindOf, type NexmarkEvent } from './model.js'
import { PartitionOrder } from './partition.js'

const BLOCK_EVENTS = 1000

export function writeDataFile(
  directory: string,
  dataset: Dataset,
  partition: number,
  partitions: number,
): DataHeader {
  const handle = openSync(join(directory, dataFileName(partition, partitions)), 'w')
  try {
    return write(handle, dataset, partition, partitions)
  } finally {
    closeSync(handle)
  }
}

function write(
  handle: number,
  dataset: Dataset,
  partition: number,
  partitions: number,
): DataHeader {
  const md5 = createHash('md5')
  const index: number[] = []
  let offset = HEADER_BYTES
  const append = (bytes: Buffer): void => {
    md5.update(bytes)
    for (let at = 0; at < bytes.length; ) {
      at += writeSync(handle, bytes, at, bytes.length - at, offset + at)
    }
    offset += bytes.length
  }
  let events = 0
  for (const block of blocksOf(dataset, partition, partitions)) {
    const kinds = Uint8Array.from(block, ({ seq }) => EVENT_KINDS.indexOf(kindOf(seq)))
    const sections = EVENT_KINDS.map((kind, at) =>
      encodeSection(
        kind,
        block.filter((_, i) => kinds[i] === at),
      ),
    )
    const padding = Buffer.alloc(-block.length & 7)
    index.push(offset, block.length, ...sections.map(({ length }) => length))
    append(Buffer.concat([kinds, padding, ...sections]))
    events += block.length
  }
  const indexOffset = offset
  append(Buffer.from(Float64Array.from(index).buffer))
  const header: DataHeader = {
    format: FORMAT,
    dataset,
    partition,
    partitions,
    events,
    blocks: Math.ceil(events / BLOCK_EVENTS),
    indexOffset,
    md5: md5.digest('hex'),
  }
  const line = `${JSON.stringify(header).padEnd(HEADER_BYTES - 1)}\n`
  writeSync(handle, Buffer.from(line, 'latin1'), 0, HEADER_BYTES, 0)
  return header
}

function* blocksOf(
  dataset: Dataset,
  partition: number,
  partitions: number,
): Iterable<readonly NexmarkEvent[]> {
  const generator = new Generator(dataset)
  const order = new PartitionOrder(dataset, partition, partitions)
  let block: NexmarkEvent[] = []
  for (let seq = order.next(); seq >= 0; seq = order.next()) {
    block.push(generator.event(seq))
    if (block.length < BLOCK_EVENTS) continue
    yield block
    block = []
  }
  if (block.length > 0) yield block
}
