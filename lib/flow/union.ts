/** `merge` and `mergeWith`: one stream of the records of several, in the order of their arrival. */
import { callSite } from '../base/call-site.js'
import type { CommonTime, KeyOf, RecordOf, TimeOf } from '../operators/combine/inputs.js'
import type { AnyStream, NoKey, Op, Stream } from '../operators/stream.js'
import { type NodeBehind, StreamHandle } from './stream-handle.js'

/** Event time where all have it; keyed where all are. */
export type Merged<S> = Stream<
  RecordOf<S>,
  CommonTime<TimeOf<S>>,
  NoKey extends KeyOf<S> ? NoKey : KeyOf<S>
>

const parts: NodeBehind = { role: 'union', kind: 'merge' }

/**
 * Merges streams of one pipeline. Each input keeps its own order; it ends when all have ended. The
 * result is keyed if every input is.
 *
 * @example merge(flow.from(lines('a.txt')), flow.from(lines('b.txt'))).to(print())
 */
export function merge<const S extends readonly AnyStream[]>(...streams: S): Merged<S[number]>
export function merge(...streams: readonly AnyStream[]): AnyStream {
  return StreamHandle.join(streams, parts, { role: 'union' })
}

/** `merge` within a pipe: the stream before it is the first. */
export function mergeWith<A extends AnyStream, const S extends readonly AnyStream[]>(
  ...others: S
): Op<A, Merged<A | S[number]>> {
  const site = callSite()
  return (stream) => StreamHandle.join([stream, ...others], parts, { role: 'union' }, site)
}
