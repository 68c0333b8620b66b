/** What a client says of how a job is to run, and of what it watches of it, checked before anything believes it. */
import { durationMs } from '../../lib/base/duration.js'
import { MillraceError } from '../../lib/base/errors.js'
import { refuseUnknownOptions } from '../../lib/base/unknown-option.js'
import { CHECKPOINT_OPTIONS } from '../job/open-snapshots.js'
import { stateSettingsOf } from '../job/state-options.js'
import { SLOT_MEMORY_MB } from '../worker/protocol.js'
import {
  PLACEMENT_OPTIONS,
  type PlacementOptions,
  SUBMIT_OPTIONS,
  SUBMIT_PARTS,
  type SubmitOptions,
  type WatchOptions,
} from './protocol.js'

const STRATEGIES: readonly unknown[] = [undefined, 'spread', 'pack']
const TRANSACTIONS: readonly unknown[] = [undefined, 'commit', 'discard']

/** In the coordinator's store, and nowhere else. */
const PARTS = {
  ...SUBMIT_PARTS,
  checkpoint: CHECKPOINT_OPTIONS.filter((name) => name !== 'directory'),
}

/** Throws E_BAD_ARGUMENT, E_BAD_SLOTS, E_UNKNOWN_OPTION for what is not of the shape that the protocol states. */
export function checkSubmit(options: SubmitOptions): void {
  if (!isObject(options)) throw bad('the options', 'an object', options)
  refuseUnknownOptions('submit', options, SUBMIT_OPTIONS, PARTS)
  for (const name of ['reactive', 'supervise'] as const) {
    const value = options[name]
    if (value !== undefined && !isObject(value)) throw bad(name, 'an object', value)
  }
  checkReactive(options)
  checkSlots(options.parallelism ?? 1)
  if (options.placement !== undefined) checkPlacement(options.placement)
  if (options.args !== undefined && !isObject(options.args)) {
    throw bad('args', 'an object', options.args)
  }
  for (const name of ['memoryMb', 'stallMs'] as const) {
    const value = options[name]
    if (value !== undefined && !(typeof value === 'number' && value >= 0)) {
      throw bad(name, 'a number of at least 0', value)
    }
  }
  checkRestore(options)
  checkState(options)
  const { checkpoint } = options
  if (checkpoint !== undefined && checkpoint !== false && !isObject(checkpoint)) {
    throw bad('checkpoint', 'an object or false', checkpoint)
  }
}

function checkReactive({ reactive, parallelism }: SubmitOptions): void {
  if (reactive === undefined) return
  checkSlots(reactive.maxParallelism)
  if (parallelism === undefined) return
  throw new MillraceError(
    'E_BAD_SLOTS',
    'a reactive job has as many slots as there are: give it reactive: { maxParallelism }, or parallelism, not both',
  )
}

const SLOTS_MAX = 1024

/** Throws E_BAD_SLOTS. */
export function checkSlots(slots: number): void {
  if (Number.isInteger(slots) && slots >= 1 && slots <= SLOTS_MAX) return
  throw new MillraceError(
    'E_BAD_SLOTS',
    `parallelism must be a whole number from 1 to ${SLOTS_MAX}; it is ${slots}`,
  )
}

/** Milliseconds. */
export function checkWait(waitMs: number): void {
  if (!(Number.isFinite(waitMs) && waitMs >= 0)) throw bad('wait', 'a duration', waitMs)
}

/** Nothing that is misread may decide about output that was prepared. */
function checkRestore(options: SubmitOptions): void {
  const { restore, transactions } = options
  const isNamed = restore === undefined || (isText(restore) && restore !== '')
  if (!isNamed) throw bad('restore', 'a directory', restore)
  if (!TRANSACTIONS.includes(transactions)) {
    throw bad('transactions', "'commit' or 'discard'", transactions)
  }
  for (const name of ['claim', 'allowDroppedState', 'acceptDuplicates'] as const) {
    const value = options[name]
    if (value !== undefined && typeof value !== 'boolean') throw bad(name, 'true or false', value)
  }
}

/** Throws E_BAD_STATE_BACKEND, too. */
function checkState({ state, memoryMb = SLOT_MEMORY_MB }: SubmitOptions): void {
  if (typeof state !== 'string' && state !== undefined) {
    if (!isObject(state)) throw bad('state', "'heap', 'level' or an object", state)
    if ('directory' in state) throw notItsOwn()
  }
  stateSettingsOf(state, memoryMb)
}

export function checkPlacement(placement: PlacementOptions): void {
  if (!isObject(placement)) throw bad('placement', 'an object', placement)
  refuseUnknownOptions('placement', placement, PLACEMENT_OPTIONS)
  const { strategy, labels, apartFrom, besides, wait } = placement
  if (!STRATEGIES.includes(strategy)) {
    throw bad('placement: strategy', "'spread' or 'pack'", strategy)
  }
  const hasLabels =
    labels === undefined || (isObject(labels) && Object.values(labels).every(isText))
  if (!hasLabels) throw bad('placement: labels', 'an object of texts', labels)
  if (apartFrom !== undefined && !(Array.isArray(apartFrom) && apartFrom.every(isText))) {
    throw bad('placement: apartFrom', 'a list of job ids', apartFrom)
  }
  if (besides !== undefined && !isText(besides))
    throw bad('placement: besides', 'a job id', besides)
  if (wait !== undefined) durationMs(wait, 'placement: wait', 0)
}

/** As `checkSubmit`. */
export function checkWatch(what: WatchOptions): void {
  if (!isObject(what)) throw bad('the options', 'an object', what, 'watch')
  for (const name of ['metrics', 'results', 'decides'] as const) {
    if (typeof what[name] !== 'boolean') throw bad(name, 'true or false', what[name], 'watch')
  }
  const { after } = what
  const hasNumbers = isObject(after) && [after.event, after.failure].every(Number.isSafeInteger)
  if (!hasNumbers) throw bad('after', 'the numbers of an event and a failure', after, 'watch')
}

const isText = (value: unknown): value is string => typeof value === 'string'

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const notItsOwn = (): MillraceError =>
  new MillraceError(
    'E_BAD_STATE_BACKEND',
    'submit: where state lies on disk is for each node to say: start it with --state-dir, or startNode({ stateDirectory })',
  )

const bad = (name: string, expected: string, seen: unknown, asked = 'submit'): MillraceError =>
  new MillraceError(
    'E_BAD_ARGUMENT',
    `${asked}: ${name} must be ${expected}; seen: ${JSON.stringify(seen) ?? typeof seen}`,
  )
