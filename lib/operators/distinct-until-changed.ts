import { commonOptions, requireSyncFunction } from './arguments.js'
import { cellsOf } from './cells.js'
import { operate } from './operate.js'
import type { OperatorContext, OperatorOptions } from './operator.js'
import { SKIP } from './record-error.js'
import { sequenceTraits } from './sequence/sequence.js'
import { keepWhere } from './stateful-filter.js'
import type { Op, Stream, Time } from './stream.js'

/** Options of `distinctUntilChanged`. */
export interface DistinctUntilChangedOptions<T, K> extends OperatorOptions {
  /** What of a record is compared. Default: all of it. */
  readonly by?: (record: T) => K
}

/**
 * Passes a record when it differs from the one before; behind `keyBy`, from the one before of its key.
 * As RxJS `distinctUntilChanged`: `===`, or what `isSame` says. State: one record, or what `by` gives
 * of it, per key.
 *
 *     distinctUntilChanged((a: Bid, b: Bid) => a.price === b.price)
 */
export function distinctUntilChanged<T, E extends Time, Key, K = T>(
  isSame: (previous: K, current: K) => boolean = isIdentical,
  options: DistinctUntilChangedOptions<T, K> = {},
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  const { by } = options
  requireSyncFunction('distinctUntilChanged', 'isSame', isSame)
  if (by !== undefined) requireSyncFunction('distinctUntilChanged', 'by', by)
  return operate({
    kind: 'distinctUntilChanged',
    traits: sequenceTraits,
    options: commonOptions('distinctUntilChanged', options, ['by']),
    settings: {},
    functions: by === undefined ? [isSame] : [isSame, by],
    open: (context) => keepChanges(context, isSame as Same, by as Select | undefined),
  })
}

/**
 * As `distinctUntilChanged` of one property of the records.
 *
 *     distinctUntilKeyChanged<Bid, 'price'>('price')
 */
export function distinctUntilKeyChanged<T, K extends keyof T, E extends Time = Time, Key = unknown>(
  property: K,
  isSame: (previous: T[K], current: T[K]) => boolean = isIdentical,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  return distinctUntilChanged<T, E, Key, T[K]>(isSame, {
    ...options,
    by: (record) => record[property],
  })
}

type Same = (previous: unknown, current: unknown) => boolean
type Select = (record: unknown) => unknown

const isIdentical: Same = (previous, current) => previous === current

function keepChanges(context: OperatorContext, isSame: Same, by: Select = (record) => record) {
  const last = cellsOf<unknown>(context, 'last')

  /** The compared part where it has changed, else SKIP. */
  function changed(record: unknown, key: unknown, group: number): unknown {
    const current = by(record)
    const previous = last.get(group, key)
    if (previous === undefined && !last.has(group, key)) return current
    return isSame(previous, current) ? SKIP : current
  }

  return keepWhere(context, (record, key, group) => {
    let current: unknown
    try {
      current = changed(record, key, group)
    } catch (error) {
      current = context.errors.recover(error, record, key, () => changed(record, key, group))
    }
    if (current === SKIP) return false
    last.set(group, key, current)
    return true
  })
}
