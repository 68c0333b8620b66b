import { callSite } from '../../base/call-site.js'
import { canonicalKey } from '../../base/key.js'
import { commonOptions, requireOneOf, requireSyncFunction } from '../arguments.js'
import { attachAll, combinedTraits, requireStream } from '../combine/attach-all.js'
import { type BufferOptions, bufferMaxOf, HoldLimit } from '../combine/held.js'
import type { RecordOf } from '../combine/inputs.js'
import type { Results } from '../combine/results.js'
import type { OperatorContext, OperatorDefinition } from '../operator.js'
import { SKIP } from '../record-error.js'
import { guarded } from '../sequence/guarded.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { type Joiner, openJoin } from './joiner.js'

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
  const site = callSite()
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
    open: (context) => openJoin(context, () => new BroadcastJoiner(context, settings)),
  }
  return (stream) => attachAll([stream, side], definition, site) as never
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
  readonly #side
  readonly #waiting
  readonly #limit: HoldLimit
  readonly #nameOf: (record: unknown, key: unknown) => unknown
  readonly #sideNameOf: (record: unknown, key: unknown) => unknown
  readonly #isLeft: boolean
  readonly #wait: Settings['wait']
  #isReady: boolean
  #mainEnded = false
  /** In hand: records that need not wait any more, and where the next is. */
  #free: readonly Waiting[] = []
  #at = 0

  constructor(context: OperatorContext, { by, sideBy, isLeft, wait, bufferMax }: Settings) {
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

  take(input: number, record: unknown, key: unknown, group: number, timeMs: number): void {
    if (input === 1) this.#takeSide(record)
    else if (this.#isReady) this.#free = [[record, key, group, timeMs]]
    else {
      this.#limit.claim(key)
      this.#waiting.append([record, key, group, timeMs])
    }
  }

  get holdsTime(): boolean {
    return !this.#isReady
  }

  get isDone(): boolean {
    return this.#mainEnded && this.#isReady
  }

  onEnded(input: number): void {
    if (input === 1) this.#ready()
    else this.#mainEnded = true
  }

  onEnd(): void {
    this.#ready()
  }

  give(results: Results): boolean {
    while (this.#at < this.#free.length) {
      if (results.room === 0) return false
      const [record, key, group, timeMs] = this.#free[this.#at++]!
      const name = this.#nameOf(record, key)
      if (name === SKIP) continue
      const known = canonicalKey(name)
      if (!this.#isLeft && !this.#side.has(known)) continue
      results.push([record, this.#side.get(known)], key, group, timeMs)
    }
    this.#free = []
    this.#at = 0
    return true
  }

  #takeSide(record: unknown): void {
    const name = this.#sideNameOf(record, undefined)
    if (name === SKIP) return
    this.#side.set(canonicalKey(name), record)
    if (this.#wait === 'first') this.#ready()
  }

  #ready(): void {
    if (this.#isReady) return
    this.#isReady = true
    this.#free = [...this.#waiting.get()]
    this.#waiting.clear()
    this.#limit.release(this.#free.length)
  }
}
