/** Which operators with RxJS names are equal to RxJS 7, which differ, and why. */
import { combineVerdicts } from './rxjs-combine.js'

export interface RxjsRow {
  readonly operator: string
  readonly verdict: 'equal' | 'differs'
  readonly why?: string
}

const equal = (...operators: string[]): RxjsRow[] =>
  operators.map((operator) => ({ operator, verdict: 'equal' }))
const differs = (operator: string, why: string): RxjsRow => ({ operator, verdict: 'differs', why })

/** Operators with one input; for those with several see `combineVerdicts`. */
export const singleInputRows: readonly RxjsRow[] = [
  ...equal('auditTime', 'bufferCount', 'count', 'debounceTime', 'defaultIfEmpty', 'delay'),
  ...equal('distinctUntilChanged', 'distinctUntilKeyChanged', 'elementAt', 'endWith', 'every'),
  ...equal('filter', 'find', 'first', 'ignoreElements', 'isEmpty', 'last', 'map', 'max', 'min'),
  ...equal('pairwise', 'reduce', 'sampleTime', 'scan', 'single', 'skip', 'skipLast', 'skipWhile'),
  ...equal('startWith', 'take', 'takeLast', 'takeWhile', 'tap', 'throttleTime', 'timeInterval'),
  ...equal('timestamp', 'toArray'),
  differs(
    'bufferTime',
    'equal without a key; behind keyBy a span begins with a record, so that no array is empty; there is no creation interval',
  ),
  differs('concatMap', 'of iterables equal; results are given as the gate allows, never queued'),
  differs('distinct', 'equal for primitives; other values are compared by value, not by identity'),
  differs('materialize', "equal, except that there is no 'E': errors are no signals"),
  differs('dematerialize', "the opposite of materialize; a record of kind 'E' fails the job"),
  differs('mergeMap', 'of iterables equal; what comes later is in flight up to a bound (16)'),
  differs('windowCount', 'equal, but a window is an array, given when it closes'),
  differs(
    'windowTime',
    'equal without a key, but a window is an array, given when it closes; behind keyBy none is empty; there is no creation interval',
  ),
  differs('timeout', 'equal, but the error is a failure of the job, E_TIMEOUT; there is no with'),
]

/** Compared in rxjs-in-flight.test.ts, and by the tests of what they do about errors. */
const inFlightRows: readonly RxjsRow[] = [
  ...equal('exhaustMap', 'switchMap'),
  differs(
    'catchError',
    'an error is that of one record: what replaces its results stands in their place, and the stream goes on',
  ),
  differs(
    'retry',
    'calls the failing function again for that record, instead of subscribing again',
  ),
]

/** One row per operator, in order of name. */
export function rxjsRows(): readonly RxjsRow[] {
  return [...singleInputRows, ...inFlightRows, ...combineVerdicts].sort((a, b) =>
    a.operator < b.operator ? -1 : 1,
  )
}

/** The table in Markdown. */
export function rxjsTable(rows = rxjsRows()): string {
  const lines = rows.map(
    ({ operator, verdict, why = '' }) => `| \`${operator}\` | ${verdict} | ${why} |`,
  )
  return ['| operator | RxJS 7 | why |', '|---|---|---|', ...lines].join('\n')
}
