import { canonicalKey } from '../../base/key.js'
import { commonOptions, requireOneOf, requireSyncFunction } from '../arguments.js'
import { attachBeside, combinedTraits, requireStream } from '../combine/attach-all.js'
import { type BufferOptions, bufferMaxOf, HoldLimit } from '../combine/held.js'
import type { RecordOf } from '../combine/inputs.js'
import type { Results } from '../combine/results.js'
import type { OperatorContext, OperatorDefinition } from '../operator.js'
import { SKIP } from '../record-error.js'
import { guarded } from '../sequence/guarded.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { type Joiner, openJoin, type Steps } from './joiner.js'

/** Options of `broadcastJoin`. */
export interface BroadcastJoinOptions<L, S, Kind extends 'inner' | 'left'> extends BufferOptions {
  /** What of a record is looked up. */
  readonly by: (record: L) => unknown
  /** By what a record of the side stream is found; a later one of the same replaces it. */
  readonly sideBy: (record: S) => unknown
  /** `inner` (default): records that find nothing are dropped; `left`: they pass with undefined. */
  readonly kind?: Kind
  /**
   * Until when records wait: until the side stream has ended (default), for its first record, or not
   * at all.
   */
  readonly wait?: 'end' | 'first' | 'no'
}

/**
 * Joins each record with the one of a smaller stream that it names: `[record, side]`. The side stream goes
 * whole to every subtask, so neither stream needs a key, and nothing is exchanged. As a broadcast or
 * side-input join. Keeps key and event time of the record.
 *
 * While records wait for the side stream, they are held: at most `bufferMax` (1,000,000) per subtask, then
 * E_BUFFER_FULL. State: the side stream's latest record of each key, in every subtask, and what waits.
 *
 * @example
 * const named = collect<readonly [number, string]>()
 * const job = pipeline('named', (flow) => {
 *   const names = flow.from(['1 one', '2 two'])
 *   flow.from([2, 3]).pipe(
 *     broadcastJoin(names, { by: (n) => `${n}`, sideBy: (line) => line.split(' ')[0] }),
 *   ).to(named)
 * })
 * await runTest(job)
 * named.records // [[2, '2 two']]
 */
export function broadcastJoin<
  L,
  E extends Time,
  Key,
  O extends AnyStream,
  Kind extends 'inner' | 'left' = 'inner',
>(
  side: O,
  options: BroadcastJoinOptions<L, RecordOf<O>, Kind>,
): Op<
  Stream<L, E, Key>,
  Stream<
    readonly [record: L, side: Kind extends 'left' ? RecordOf<O> | undefined : RecordOf<O>],
    E,
    Key
  >
> {
  requireStream('broadcastJoin', side)
  const { by, sideBy, kind = 'inner', wait = 'end' } = options
  requireSyncFunction('broadcastJoin', 'by', by)
  requireSyncFunction('broadcastJoin', 'sideBy', sideBy)
  requireOneOf('broadcastJoin', 'kind', kind, ['inner', 'left'])
  requireOneOf('broadcastJoin', 'wait', wait, ['end', 'first', 'no'])
  const bufferMax = bufferMaxOf('broadcastJoin', options)
  const settings: Settings = {
    by: by as Select,
    sideBy: sideBy as Select,
    isLeft: kind === 'left',
    wait,
    bufferMax,
  }
  const definition: OperatorDefinition = {
    kind: 'broadcastJoin',
    traits: {
      ...combinedTraits(2, 'first'),
      orderSensitive: false,
      wholeStream: false,
      inputs: ['main', 'broadcast'],
      timeOf: 'main',
    },
    options: commonOptions('broadcastJoin', options, ['by', 'sideBy', 'kind', 'wait', 'bufferMax']),
    settings: { kind, wait, bufferMax },
    functions: [by, sideBy],
    open: (context) =>
      openJoin(context, (results) => new BroadcastJoiner(context, results, settings)),
  }
  return attachBeside([side], definition) as never
}

type Select = (record: unknown) => unknown

interface Settings {
  readonly by: Select
  readonly sideBy: Select
  readonly isLeft: boolean
  readonly wait: 'end' | 'first' | 'no'
  readonly bufferMax: number
}

type Waiting = readonly [record: unknown, key: unknown, group: number, timeMs: number]

class BroadcastJoiner implements Joiner {
  readonly #results: Results
  readonly #side
  readonly #waiting
  readonly #limit: HoldLimit
  readonly #nameOf: (record: unknown, key: unknown) => unknown
  readonly #sideNameOf: (record: unknown, key: unknown) => unknown
  readonly #isLeft: boolean
  readonly #wait: Settings['wait']
  #isReady: boolean
  #mainEnded = false

  constructor(
    context: OperatorContext,
    results: Results,
    { by, sideBy, isLeft, wait, bufferMax }: Settings,
  ) {
    this.#results = results
    this.#side = context.state.broadcast<unknown, unknown>('side')
    this.#waiting = context.state.operatorList<Waiting>('waiting')
    this.#limit = new HoldLimit(context, bufferMax)
    this.#limit.found(this.#waiting.length)
    this.#nameOf = guarded(context, by)
    this.#sideNameOf = guarded(context, sideBy)
    this.#isLeft = isLeft
    this.#wait = wait
    this.#isReady = wait === 'no' || (wait === 'first' && this.#side.size > 0)
  }

  onRecord(
    input: number,
    record: unknown,
    key: unknown,
    group: number,
    timeMs: number,
  ): Steps | null {
    if (input === 1) return this.#takeSide(record)
    if (this.#isReady) this.#give(record, key, group, timeMs)
    else {
      this.#limit.claim(key)
      this.#waiting.append([record, key, group, timeMs])
    }
    return null
  }

  get holdsTime(): boolean {
    return !this.#isReady
  }

  get isDone(): boolean {
    return this.#mainEnded && this.#isReady
  }

  onEnded(input: number): Steps | null {
    if (input === 1) return this.#ready()
    this.#mainEnded = true
    return null
  }

  onEnd(): Steps | null {
    return this.#ready()
  }

  #give(record: unknown, key: unknown, group: number, timeMs: number): void {
    const name = this.#nameOf(record, key)
    if (name === SKIP) return
    const known = canonicalKey(name)
    if (!this.#isLeft && !this.#side.has(known)) return
    this.#results.push([record, this.#side.get(known)], key, group, timeMs)
  }

  #takeSide(record: unknown): Steps | null {
    const name = this.#sideNameOf(record, undefined)
    if (name === SKIP) return null
    this.#side.set(canonicalKey(name), record)
    return this.#wait === 'first' ? this.#ready() : null
  }

  #ready(): Steps | null {
    if (this.#isReady) return null
    this.#isReady = true
    return this.#waiting.length > 0 ? this.#free() : null
  }

  /** Records that need not wait any more. */
  *#free(): Steps {
    const waiting = [...this.#waiting.get()]
    this.#waiting.clear()
    this.#limit.release(waiting.length)
    for (const [record, key, group, timeMs] of waiting) {
      this.#give(record, key, group, timeMs)
      if (this.#results.room === 0) yield
    }
  }
}
