import { type Duration, durationMs } from '../../base/duration.js'
import { commonOptions, requireCount } from '../arguments.js'
import { cellsOf } from '../cells.js'
import { type BufferOptions, bufferMaxOf, HeldRecords, HoldLimit } from '../combine/held.js'
import { NO_TIME } from '../combine/results.js'
import { operate } from '../operate.js'
import type { OperatorOptions } from '../operator.js'
import {
  delayingTraits,
  openSequence,
  type Sequence,
  type Sequencing,
} from '../sequence/sequence.js'
import type { Op, Stream, Time } from '../stream.js'

/**
 * Gives, every `period` of processing time, the latest record if a new one has come. As RxJS
 * `sampleTime`: periods count from the beginning of the stream, behind `keyBy` from the first record
 * of the key; what has come since the last of them is dropped at the end. Keeps the key. Event time ends here,
 * for the watermark has gone on meanwhile: give it anew with `timestamps`.
 * State: one record per key, and when its periods began, kept for ever.
 *
 *     sampleTime('1s')
 */
export function sampleTime<T, E extends Time, Key>(
  period: Duration,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, 'untimed', Key>> {
  const ms = durationMs(period, 'sampleTime: period')
  return operate({
    kind: 'sampleTime',
    traits: delayingTraits,
    options: commonOptions('sampleTime', options),
    settings: { ms },
    functions: [],
    open: (context) => openSequence(context, (sequencing) => sampled(sequencing, ms)),
  })
}

/** Options of `bufferTime`. */
export interface BufferTimeOptions extends BufferOptions {
  /** An array with so many records is given at once, and begins a new period. Default: no limit. */
  readonly maxBufferSize?: number
}

/**
 * Gives, every `span` of processing time, the records that have come as an array, and at the end what
 * is left. As RxJS `bufferTime` with one argument: without a key an array may be empty. Behind `keyBy` spans
 * begin with the first record of an array, and unlike RxJS no array is empty. An array belongs to no
 * instant: event time ends here. State: the records held, at most `bufferMax` (1,000,000) per subtask,
 * then E_BUFFER_FULL.
 *
 *     bufferTime('1s', { maxBufferSize: 500 })
 */
export function bufferTime<T, E extends Time, Key>(
  span: Duration,
  options: BufferTimeOptions = {},
): Op<Stream<T, E, Key>, Stream<T[], 'untimed', Key>> {
  const ms = durationMs(span, 'bufferTime: span')
  const bufferMax = bufferMaxOf('bufferTime', options)
  const { maxBufferSize = Number.POSITIVE_INFINITY } = options
  if (options.maxBufferSize !== undefined) {
    requireCount('bufferTime', 'maxBufferSize', maxBufferSize, 1)
  }
  return operate({
    kind: 'bufferTime',
    traits: delayingTraits,
    options: commonOptions('bufferTime', options, ['bufferMax', 'maxBufferSize']),
    settings: { ms, bufferMax, ...(Number.isFinite(maxBufferSize) ? { maxBufferSize } : {}) },
    functions: [],
    open: (context) =>
      openSequence(context, (sequencing) => spans(sequencing, { ms, bufferMax, maxBufferSize })),
  })
}

interface Sample {
  /** Wall time at which the periods of the key began. */
  readonly sinceMs: number
  readonly latest: { readonly record: unknown } | null
}

function sampled({ context, results, timers, nowMs }: Sequencing, ms: number): Sequence {
  const samples = cellsOf<Sample>(context, 'sample')
  const beginNow = (): Sample => ({ sinceMs: nowMs(), latest: null })
  return {
    onBegin() {
      if (!context.keyed) samples.set(0, undefined, beginNow())
      return null
    },
    onRecord(record, key, group) {
      const { sinceMs, latest } = samples.get(group, key) ?? beginNow()
      if (latest === null) {
        const periods = Math.floor((nowMs() - sinceMs) / ms) + 1
        timers.register(group, key, sinceMs + periods * ms)
      }
      samples.set(group, key, { sinceMs, latest: { record } })
    },
    onTimer({ key, group }) {
      const { sinceMs, latest } = samples.get(group, key)!
      if (latest !== null) results.push(latest.record, key, group, NO_TIME)
      samples.set(group, key, { sinceMs, latest: null })
    },
  }
}

interface Spans {
  readonly ms: number
  readonly bufferMax: number
  readonly maxBufferSize: number
}

/** What `bufferTime` and `windowTime` do. */
export function spans(
  { context, results, timers, nowMs }: Sequencing,
  { ms, bufferMax, maxBufferSize }: Spans,
): Sequence {
  const held = new HeldRecords(context, 'held', new HoldLimit(context, bufferMax))
  /** When the span in hand ends, by key. */
  const ends = cellsOf<number>(context, 'end')

  function begin(key: unknown, group: number): void {
    ends.set(group, key, nowMs() + ms)
    timers.register(group, key, nowMs() + ms)
  }

  function give(key: unknown, group: number): void {
    results.push(held.takeAll(key, group), key, group, NO_TIME)
  }

  return {
    onBegin() {
      if (!context.keyed) begin(undefined, 0)
      return null
    },
    onRecord(record, key, group) {
      if (context.keyed && !ends.has(group, key)) begin(key, group)
      held.push(record, key, group, NO_TIME)
      if (held.length(key, group) < maxBufferSize) return
      timers.delete(group, key, ends.get(group, key)!)
      ends.delete(group, key)
      give(key, group)
      if (!context.keyed) begin(key, group)
    },
    onTimer({ key, group }) {
      ends.delete(group, key)
      give(key, group)
      if (!context.keyed) begin(key, group)
    },
    onEnd: () => {
      let owed = !context.keyed
      return () => {
        if (owed) give(undefined, 0)
        else if (context.keyed) held.moveArraysTo(results)
        owed = false
        return held.keys === 0
      }
    },
  }
}
