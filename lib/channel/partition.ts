/**
 * Partitioners at work: how one edge distributes records over its channels.
 *
 * The channels of an edge are in the order of the receiving subtasks. Fast paths hand whole batches
 * over by reference; the others push record by record into the channels' collectors.
 */
import { assert } from '../base/assert.js'
import { MillraceError } from '../base/errors.js'
import { subtaskOf } from '../base/key.js'
import type { Random } from '../base/random.js'
import { type Batch, batch as createBatch } from '../operators/signal.js'
import type { OutputChannel } from './channel.js'
import { NO_GROUP, NO_TIME } from './collector.js'

export type KeyGroupOf = (key: unknown, maxParallelism: number) => number

/** How to choose, with what the choice needs in this thread. */
export type Partition =
  /** To the one channel there is; keys and groups stay. */
  | { readonly kind: 'forward' }
  /** By key group: subtask ⌊group × channels / maxParallelism⌋. Batches must carry keys. */
  | { readonly kind: 'hash'; readonly maxParallelism: number; readonly keyGroupOf: KeyGroupOf }
  /** Record by record in turn; `first` is the channel to begin with (default 0). */
  | { readonly kind: 'rebalance' | 'rescale'; readonly first?: number }
  | { readonly kind: 'shuffle'; readonly random: Random }
  /** Every record to every channel, by reference. */
  | { readonly kind: 'broadcast' }
  /** Everything to the first channel. */
  | { readonly kind: 'global' }
  | {
      readonly kind: 'custom'
      readonly choose: (record: never, parallelism: number) => number
      /** Name of the partitioner, for its errors. */
      readonly operator?: string
    }

/**
 * True where records in flight may go to any receiver, or to that of their key group: only these may be
 * overtaken. Of the other edges a restore with another parallelism could not say where they belong, so
 * their barriers keep their place.
 */
export const mayBeOvertaken = (kind: Partition['kind']): boolean =>
  kind === 'hash' || kind === 'rebalance' || kind === 'shuffle' || kind === 'global'

/** Writes batches to the channels of one edge. It sees a channel replaced in the array. */
export type EdgeWriter = (batch: Batch) => void

export function createEdgeWriter(partition: Partition, channels: OutputChannel[]): EdgeWriter {
  assert(channels.length > 0, 'an edge has at least one channel')
  switch (partition.kind) {
    case 'forward':
      assert(channels.length === 1, 'a forward edge has one channel per sender')
      return (batch) => channels[0]!.pushBatch(batch)
    case 'hash':
      return channels.length === 1
        ? (batch) => channels[0]!.pushBatch(batch)
        : byKeyGroup(channels, partition.maxParallelism, partition.keyGroupOf)
    case 'rebalance':
    case 'rescale':
      return inTurn(channels, partition.first ?? 0)
    case 'shuffle':
      return atRandom(channels, partition.random)
    case 'broadcast':
      return (batch) => {
        const keyless = withoutKeys(batch)
        for (const channel of channels) channel.pushBatch(keyless)
      }
    case 'global':
      return (batch) => channels[0]!.pushBatch(withoutKeys(batch))
    case 'custom':
      return byChoice(channels, partition.choose, partition.operator ?? 'partition')
  }
}

function byKeyGroup(
  channels: OutputChannel[],
  maxParallelism: number,
  keyGroupOf: KeyGroupOf,
): EdgeWriter {
  const targets = new Uint32Array(maxParallelism)
  for (let group = 0; group < maxParallelism; group++) {
    targets[group] = subtaskOf(group, channels.length, maxParallelism)
  }
  return ({ records, keys, groups, times }) => {
    assert(keys !== null, 'a batch on a hash edge carries keys')
    for (let i = 0; i < records.length; i++) {
      const group = groups === null ? keyGroupOf(keys[i], maxParallelism) : groups[i]!
      const timeMs = times === null ? NO_TIME : times[i]!
      channels[targets[group]!]!.push(records[i], keys[i], group, timeMs)
    }
  }
}

function inTurn(channels: OutputChannel[], first: number): EdgeWriter {
  let next = first % channels.length
  return (batch) => {
    const live = liveAmong(channels)
    if (live.length === 1) return live[0]!.pushBatch(withoutKeys(batch))
    if (live.length === 0) return
    const { records, times } = batch
    for (let i = 0; i < records.length; i++) {
      if (next >= live.length) next = 0
      live[next]!.push(records[i], undefined, NO_GROUP, times === null ? NO_TIME : times[i]!)
      next += 1
    }
  }
}

function atRandom(channels: OutputChannel[], random: Random): EdgeWriter {
  return (batch) => {
    const live = liveAmong(channels)
    if (live.length === 0) return
    const { records, times } = batch
    for (let i = 0; i < records.length; i++) {
      live[Math.floor(random() * live.length)]!.push(
        records[i],
        undefined,
        NO_GROUP,
        times === null ? NO_TIME : times[i]!,
      )
    }
  }
}

function byChoice(
  channels: OutputChannel[],
  choose: (record: never, parallelism: number) => number,
  operator: string,
): EdgeWriter {
  const parallelism = channels.length
  return ({ records, times }) => {
    for (let i = 0; i < records.length; i++) {
      const chosen = choose(records[i] as never, parallelism)
      const channel = channels[chosen]
      if (channel === undefined) throw wrongChoice(operator, chosen, parallelism)
      channel.push(records[i], undefined, NO_GROUP, times === null ? NO_TIME : times[i]!)
    }
  }
}

/** Where any receiver will do, those that need no more are passed over. */
const liveAmong = (channels: OutputChannel[]): OutputChannel[] => {
  for (const channel of channels) {
    if (channel.cancelled) return channels.filter(({ cancelled }) => !cancelled)
  }
  return channels
}

/** The same records, outside the scope of any key. */
export const withoutKeys = (batch: Batch): Batch =>
  batch.keys === null && batch.groups === null
    ? batch
    : createBatch(batch.records, null, null, batch.times, batch.input)

const wrongChoice = (operator: string, chosen: unknown, parallelism: number): MillraceError =>
  new MillraceError(
    'E_PARTITION',
    `the partition function of '${operator}' must return an integer from 0 to ${parallelism - 1}; ` +
      `it returned ${String(chosen)}`,
    { details: { operator, parallelism, seen: String(chosen) } },
  )
