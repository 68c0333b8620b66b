/** Operators that look at the sequence of records: rows of the table of all operators. */
import * as rx7 from 'rxjs/operators'
import { bufferCount } from '../../../lib/operators/buffer-count.js'
import { groupBy } from '../../../lib/operators/combine/group-by.js'
import { partition } from '../../../lib/operators/combine/partition.js'
import { defaultIfEmpty } from '../../../lib/operators/default-if-empty.js'
import {
  distinctUntilChanged,
  distinctUntilKeyChanged,
} from '../../../lib/operators/distinct-until-changed.js'
import { every, isEmpty } from '../../../lib/operators/every.js'
import { elementAt, find, first, last } from '../../../lib/operators/first.js'
import { ignoreElements } from '../../../lib/operators/ignore-elements.js'
import { dematerialize, materialize } from '../../../lib/operators/materialize.js'
import { pairwise } from '../../../lib/operators/pairwise.js'
import { endWith, startWith } from '../../../lib/operators/start-with.js'
import type { AnyStream } from '../../../lib/operators/stream.js'
import { exhaustMap, switchMap } from '../../../lib/operators/switch-map.js'
import { skipLast, takeLast } from '../../../lib/operators/take-last.js'
import { skipWhile, takeWhile } from '../../../lib/operators/take-while.js'
import { debounceTime } from '../../../lib/operators/time/debounce-time.js'
import { delay } from '../../../lib/operators/time/delay.js'
import { bufferTime, sampleTime } from '../../../lib/operators/time/sample-time.js'
import { auditTime, throttleTime } from '../../../lib/operators/time/throttle-time.js'
import { timeInterval, timestamp } from '../../../lib/operators/time/time-interval.js'
import { timeout } from '../../../lib/operators/time/timeout.js'
import { windowTime } from '../../../lib/operators/time/window-time.js'
import { toArray } from '../../../lib/operators/to-array.js'
import { windowCount } from '../../../lib/operators/window-count.js'
import { createVirtualClock } from '../../../lib/testing/virtual-clock.js'
import type { Row } from './row.js'

const lengthOf = (x: unknown) => (x as { length?: number }).length
const odd = (x: number) => x % 2 === 1

/** An operator without a function of the user that could throw. */
const plain = (
  name: string,
  op: Row['op'],
  rx: Row['rx'],
  keyed: Row['keyed'] = 'kept',
  waitsMs?: number,
): Row => ({ name, op, rx, keyed, throws: false, ...(waitsMs === undefined ? {} : { waitsMs }) })

/** 12 is the end; what is past it is not looked at. */
const noted = (value: number) =>
  value === 12 ? { kind: 'C' as const } : { kind: 'N' as const, value }

/** In input that comes at one instant nothing but the last is left of a pause. */
const lastOne = rx7.takeLast<number>(1)
const WAIT_MS = 50

export const sequenceRows: readonly Row[] = [
  plain('pairwise', (_, o) => pairwise(o), rx7.pairwise()),
  plain(
    'distinctUntilChanged',
    (_, o) => distinctUntilChanged(undefined, o),
    rx7.distinctUntilChanged(),
  ),
  {
    name: 'distinctUntilChanged by',
    op: (f, o) => distinctUntilChanged(undefined, { ...o, by: (x: number) => f(x) > 5 }),
    rx: rx7.distinctUntilChanged(
      (a, b) => a === b,
      (x: number) => x > 5,
    ),
    keyed: 'kept',
  },
  plain(
    'distinctUntilKeyChanged',
    (_, o) => distinctUntilKeyChanged<string, 'length'>('length', undefined, o),
    rx7.distinctUntilChanged((a: number, b) => lengthOf(a) === lengthOf(b)),
  ),
  { ...plain('startWith', () => startWith(-1, -2), rx7.startWith(-1, -2)), begins: [-1, -2] },
  plain('endWith', () => endWith(-1, -2), rx7.endWith(-1, -2)),
  plain('takeLast', (_, o) => takeLast(3, o), rx7.takeLast(3)),
  plain('skipLast', (_, o) => skipLast(2, o), rx7.skipLast(2)),
  {
    name: 'takeWhile',
    op: (f, o) => takeWhile((x: number) => f(x) < 9, o),
    rx: rx7.takeWhile((x) => x < 9),
    keyed: 'kept',
    throws: false,
  },
  {
    name: 'skipWhile',
    op: (f, o) => skipWhile((x: number) => f(x) < 4, o),
    rx: rx7.skipWhile((x) => x < 4),
    keyed: 'kept',
  },
  plain('first', (_, o) => first(odd, { ...o, orElse: -1 }), rx7.first(odd, -1), 'no'),
  plain('last', (_, o) => last(odd, { ...o, orElse: -1 }), rx7.last(odd, -1), 'no'),
  plain('find', (_, o) => find(odd, o), rx7.find(odd), 'no'),
  plain('elementAt', (_, o) => elementAt(2, { ...o, orElse: -1 }), rx7.elementAt(2, -1), 'no'),
  plain('bufferCount', (_, o) => bufferCount(3, o), rx7.bufferCount(3)),
  plain(
    'bufferCount overlapping',
    (_, o) => bufferCount(3, { ...o, startEvery: 2 }),
    rx7.bufferCount(3, 2),
  ),
  {
    name: 'every',
    op: (f, o) => every((x: number) => f(x) < 9, o),
    rx: rx7.every((x) => x < 9),
    keyed: 'pairs',
    throws: false,
  },
  plain('isEmpty', (_, o) => isEmpty(o), rx7.isEmpty(), 'pairs'),
  plain('defaultIfEmpty', (_, o) => defaultIfEmpty(-1, o), rx7.defaultIfEmpty(-1)),
  plain('ignoreElements', (_, o) => ignoreElements(o), rx7.ignoreElements()),
  plain('toArray', (_, o) => toArray(o), rx7.toArray(), 'pairs'),
  plain(
    'windowCount',
    (_, o) => windowCount(3, o),
    (source) =>
      source.pipe(
        rx7.windowCount(3),
        rx7.mergeMap((window) => window.pipe(rx7.toArray())),
      ),
  ),
  plain('windowTime', (_, o) => windowTime(WAIT_MS, o), rx7.toArray(), 'no'),
  plain('debounceTime', (_, o) => debounceTime(WAIT_MS, o), lastOne),
  plain('delay', (_, o) => delay(WAIT_MS, o), rx7.tap(), 'kept', WAIT_MS),
  plain('throttleTime', (_, o) => throttleTime(WAIT_MS, o), rx7.take(1)),
  plain('auditTime', (_, o) => auditTime(WAIT_MS, o), lastOne, 'kept', WAIT_MS),
  plain('sampleTime', (_, o) => sampleTime(WAIT_MS, o), rx7.ignoreElements()),
  plain('bufferTime', (_, o) => bufferTime(WAIT_MS, o), rx7.toArray(), 'no'),
  plain('timeout', (_, o) => timeout(WAIT_MS, o), rx7.tap()),
  plain(
    'timeInterval',
    (_, o) => timeInterval(o),
    rx7.map((value) => ({ value, interval: 0 })),
  ),
  {
    ...plain(
      'dematerialize',
      (_, o) => dematerialize(o),
      (source) => source.pipe(rx7.map(noted), rx7.dematerialize()),
    ),
    given: noted,
  },
  plain(
    'timestamp',
    (_, o) => timestamp(o),
    rx7.map((value) => ({ value, timestamp: createVirtualClock().wallTime() })),
  ),
  plain(
    'throttleTime, trailing',
    (_, o) => throttleTime(WAIT_MS, { ...o, trailing: true }),
    (source) =>
      source.pipe(
        rx7.toArray(),
        rx7.mergeMap((all) => (all.length > 1 ? [all[0], all.at(-1)] : all)),
      ),
    'kept',
    WAIT_MS,
  ),
  {
    name: 'groupBy',
    op: (f, o) => groupBy((x: number) => f(x) % 3, o),
    rx: rx7.tap(() => {}),
    keyed: 'no',
  },
  {
    name: 'partition',
    op: (f, o) => (stream: AnyStream) => partition(stream, (x: number) => f(x) > 5, o),
    // The last one attached: those for which it is not true.
    rx: rx7.filter((x) => x <= 5),
    keyed: 'kept',
  },
  {
    name: 'switchMap',
    op: (f, o) => switchMap((x: number) => Promise.resolve(f(x) + 1), o),
    rx: rx7.switchMap((x) => Promise.resolve(x + 1)),
    keyed: 'kept',
    order: 'any',
    async: true,
    paced: true,
  },
  {
    name: 'switchMap of arrays',
    op: (f, o) => switchMap((x: number) => [f(x), x + 1], o),
    rx: rx7.switchMap((x) => [x, x + 1]),
    keyed: 'kept',
    async: true,
  },
  {
    name: 'exhaustMap',
    op: (f, o) => exhaustMap((x: number) => Promise.resolve(f(x) + 1), o),
    rx: rx7.exhaustMap((x) => Promise.resolve(x + 1)),
    keyed: 'kept',
    order: 'any',
    async: true,
    paced: true,
  },
  plain(
    'materialize',
    (_, o) => materialize(o),
    (source) =>
      source.pipe(
        rx7.materialize(),
        rx7.map(({ kind, value }) => (kind === 'N' ? { kind, value } : { kind })),
      ),
  ),
]
