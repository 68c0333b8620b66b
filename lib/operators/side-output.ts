import { callSite } from '../base/call-site.js'
import type { SideTag } from './side-tag.js'
import { type Op, otherOutput, type Stream, type Time } from './stream.js'

/**
 * Reads a side output of the operator directly before it: the records that it sent to `tag`, in its
 * order, without keys. The same output may be read more than once: each reader gets all records. The
 * operator is as slow as the slowest of its readers. What nobody reads is dropped, and counted as
 * `unread <tag>` in the operator's metrics.
 *
 * @example
 * const odd = sideTag<number>('odd')
 * const odds = collect<number>()
 * await runTest(
 *   pipeline('odds', (flow) => {
 *     const even = flow.from([1, 2, 3]).pipe(
 *       process({
 *         emits: recordsOf<number>(),
 *         onRecord: (n, { emit, side }) => (n % 2 === 0 ? emit(n) : side(odd, n)),
 *       }),
 *     )
 *     even.to(blackhole())
 *     even.pipe(sideOutput(odd)).to(odds)
 *   }),
 * )
 * odds.records // [1, 3]
 *
 * @throws MillraceError `E_NO_SIDE_OUTPUT` when the pipeline is built, where that operator has no such output.
 */
export function sideOutput<T, E extends Time>(
  tag: SideTag<T>,
): Op<Stream<unknown, E, unknown>, Stream<T, E>> {
  const site = callSite()
  return (stream) => stream[otherOutput](tag.name, site) as Stream<T, E>
}
