/** Events made while they are read: one split per partition, read side by side. */
import type { ReadStatus, Source, SourceReader } from 'millrace/connectors'
import type { Dataset } from './dataset.js'
import { Generator } from './generator.js'
import { type EventKind, kindOf, type NexmarkEvent } from './model.js'
import { PartitionOrder } from './partition.js'

export function generated(
  dataset: Dataset,
  reads: readonly EventKind[],
  partitions: number,
): Source<NexmarkEvent> {
  return {
    kind: 'nexmark',
    label: 'nexmark',
    bounded: true,
    replays: true,
    pauses: true,
    parallelism: null,
    concurrentSplits: true,
    settings: { ...dataset, reads: [...reads], partitions },
    functions: [],
    splits: async () =>
      Array.from({ length: partitions }, (_, partition) => ({
        id: `${partition}/${partitions}`,
        data: { partition },
      })),
    open: ({ data }, position) =>
      new GeneratingReader(
        new Generator(dataset),
        new PartitionOrder(
          dataset,
          data.partition as number,
          partitions,
          (position ?? 0) as number,
        ),
        reads,
      ),
  }
}

class GeneratingReader implements SourceReader<NexmarkEvent> {
  readonly #generator: Generator
  readonly #order: PartitionOrder
  readonly #reads: readonly EventKind[]
  #closed = false

  constructor(generator: Generator, order: PartitionOrder, reads: readonly EventKind[]) {
    this.#generator = generator
    this.#order = order
    this.#reads = reads
  }

  read(out: NexmarkEvent[], max: number): ReadStatus {
    const full = out.length + max
    while (out.length < full && !this.#closed) {
      const seq = this.#order.next()
      if (seq < 0) return 'end'
      if (this.#reads.includes(kindOf(seq))) out.push(this.#generator.event(seq))
    }
    return this.#closed ? 'end' : 'more'
  }

  position(): number {
    return this.#order.position
  }

  close(): void {
    this.#closed = true
  }
}
