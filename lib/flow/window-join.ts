/**
 * Joins within windows: both streams are put together, each record with the side it came from, and parted
 * into windows; what a window holds is joined when it speaks.
 */
import { callSite } from '../base/call-site.js'
import { commonOptions, requireSyncFunction } from '../operators/arguments.js'
import { type Joined, type JoinKind, type KeyedJoin, keptBy } from '../operators/batch/join-kind.js'
import { requireStream } from '../operators/combine/attach-all.js'
import type { KeyOf, RecordOf } from '../operators/combine/inputs.js'
import { map } from '../operators/map.js'
import type { OperatorOptions } from '../operators/operator.js'
import type { AnyStream, NeedsTime, Op, Stream, Time } from '../operators/stream.js'
import type { Sided } from '../operators/window/gathered.js'
import { type WindowOptions, window } from '../operators/window/window.js'
import type { WindowContent } from '../operators/window/window-settings.js'
import type { WindowedStream } from '../operators/window/windowed-stream.js'
import type { Assigner } from '../window/assigner.js'
import type { WindowSpan } from '../window/span.js'
import { merge } from './union.js'

/** The records of a key in one window, by stream. */
export interface CoGroup<Key, L, R> {
  readonly key: Key
  readonly window: WindowSpan
  readonly left: readonly L[]
  readonly right: readonly R[]
}

/** Options of `coGroup`. */
export interface CoGroupOptions
  extends OperatorOptions,
    Pick<WindowOptions<never>, 'allowedLateness'> {}

/** Options of `windowJoin`. */
export interface WindowJoinOptions<Kind extends JoinKind> extends CoGroupOptions {
  /** Default `inner`. */
  readonly kind?: Kind
}

/** What is missing for windows by event time over two streams. */
type InWindows<E, Key, Other> = KeyedJoin<Key, Other> &
  ([E] extends ['event'] ? unknown : NeedsTime)

/**
 * Groups the records of two keyed streams by key and window, and gives what `make` makes of each group: of
 * all keys that have a record on either side. As Flink's coGroup. Results have the time of the window's last
 * instant. Late records are dropped and counted (`droppedLate`), or with `allowedLateness` the window's group is
 * given anew, whole. State: all records of a window until it has spoken, and as long as it may be late.
 *
 * @example
 * const counts = collect<string>()
 * const job = pipeline('groups', (flow) => {
 *   const timed = (times: readonly number[]) =>
 *     flow.from(times).pipe(timestamps((ms: number) => ms), keyBy(() => 'all'))
 *   const clicks = timed([1, 2, 11])
 *   timed([3]).pipe(
 *     coGroup(clicks, tumbling(10), ({ window, left, right }) => [`${window.start}: ${left.length} ${right.length}`]),
 *   ).to(counts)
 * })
 * await runTest(job)
 * counts.records // ['0: 1 2', '10: 0 1']
 */
export function coGroup<L, E extends Time, Key, O extends AnyStream, Out>(
  right: O,
  assigner: Assigner<unknown, 'event'>,
  make: (group: CoGroup<Key, L, RecordOf<O>>) => Iterable<Out>,
  options: CoGroupOptions = {},
): Op<Stream<L, E, Key> & InWindows<E, Key, KeyOf<O>>, Stream<Out, 'event'>> {
  requireStream('coGroup', right)
  requireSyncFunction('coGroup', 'make', make)
  return grouped('coGroup', right, assigner, make as Make, options) as never
}

/**
 * Joins the records of two keyed streams that have the same key and lie in the same window: `[left, right]`
 * for each pair, and with `kind` `left`, `right` or `full` also records without a partner there. As
 * Flink's window join. Pairs have the time of the window's last instant. Late records are dropped and counted
 * (`droppedLate`), or with `allowedLateness` all pairs of the window are given anew. State: all records of a
 * window until it has spoken, and as long as it may be late.
 *
 * @example
 * const pairs = collect<readonly [number, number]>()
 * const job = pipeline('pairs', (flow) => {
 *   const timed = (times: readonly number[]) =>
 *     flow.from(times).pipe(timestamps((ms: number) => ms), keyBy(() => 'all'))
 *   timed([1, 12]).pipe(windowJoin(timed([5, 25]), tumbling(10))).to(pairs)
 * })
 * await runTest(job)
 * pairs.records // [[1, 5]]
 */
export function windowJoin<
  L,
  E extends Time,
  Key,
  O extends AnyStream,
  Kind extends JoinKind = 'inner',
>(
  right: O,
  assigner: Assigner<unknown, 'event'>,
  options: WindowJoinOptions<Kind> = {},
): Op<
  Stream<L, E, Key> & InWindows<E, Key, KeyOf<O>>,
  Stream<Joined<L, RecordOf<O>, Kind>, 'event'>
> {
  requireStream('windowJoin', right)
  const { kind = 'inner', ...rest } = options
  const kept = keptBy('windowJoin', kind)
  function* pairs({ left, right }: CoGroup<unknown, unknown, unknown>): Iterable<unknown> {
    for (const one of left) for (const other of right) yield [one, other]
    if (kept.left && right.length === 0) for (const one of left) yield [one, undefined]
    if (kept.right && left.length === 0) for (const other of right) yield [undefined, other]
  }
  return grouped('windowJoin', right, assigner, pairs, rest) as never
}

type Make = (group: CoGroup<unknown, unknown, unknown>) => Iterable<unknown>

function grouped(
  operator: string,
  right: AnyStream,
  assigner: Assigner<unknown, 'event'>,
  make: Make,
  { allowedLateness, ...options }: CoGroupOptions,
): (left: AnyStream) => AnyStream {
  const site = callSite()
  const content: WindowContent = {
    kind: 'windowProcess',
    options: commonOptions(operator, options),
    settings: {},
    functions: [make],
    aggregation: null,
    apply: make,
    sided: true,
  }
  return (left) => {
    const sided: AnyStream = merge(
      left.pipe(map((record: unknown): Sided => [0, record])),
      right.pipe(map((record: unknown): Sided => [1, record])),
    )
    const windows = window(
      bySide(assigner) as never,
      allowedLateness === undefined ? {} : { allowedLateness },
    ) as Op<AnyStream, AnyStream>
    return (windows(sided) as unknown as WindowedStream).make(content, site)
  }
}

/** An assigner that looks at records sees them as they were. */
function bySide(assigner: Assigner<unknown, 'event'>): Assigner<unknown, 'event'> {
  const { plan } = assigner
  if (plan.by !== 'gap') return assigner
  const gapMs = (sided: unknown) => plan.gapMs((sided as Sided)[1])
  return { ...assigner, plan: { ...plan, gapMs } }
}
