/**
 * The state of an operator in a snapshot, as rows, outside any job.
 *
 * The state of one subtask at a time is restored into memory, so it takes as much of it as the largest
 * subtask did.
 */
import { MillraceError } from '../base/errors.js'
import { canonicalKey } from '../base/key.js'
import { unpaced } from '../base/pace.js'
import type { Rows, StateKind, StoredState } from '../state/frozen.js'
import { createHeapState } from '../state/heap-state.js'
import type { ChunkStore } from './chunk-store.js'
import type { Manifest, OperatorSnapshot } from './manifest.js'
import { restoreState } from './state-restore.js'
import { sourceOf } from './state-rounds.js'
import { readChunk } from './verify.js'

/** One row of a state in a snapshot. */
export interface StateRow {
  readonly state: string
  readonly kind: StateKind
  readonly subtask: number
  /** Undefined where the state has no keys. */
  readonly key: unknown
  readonly group: number
  /** What it is, by kind: `state/frozen.ts`. */
  readonly record: unknown
  /** Of timers: when they are due; with a TTL: the end of life; else null. Ms since 1970. */
  readonly timeMs: number | null
}

export interface StateQuery {
  readonly operator: string
  /** Null: all its states. */
  readonly state: string | null
  /** Null: all keys. */
  readonly isWanted: ((key: unknown) => boolean) | null
}

/**
 * The rows, subtask by subtask and state by state.
 *
 * @throws MillraceError `E_NO_OPERATOR`, `E_NO_STATE` with what there is; `E_SNAPSHOT_DAMAGED`.
 */
export async function* readState(
  store: Pick<ChunkStore, 'place' | 'get'>,
  manifest: Manifest,
  query: StateQuery,
): AsyncIterable<StateRow> {
  const operator = manifest.operators.find(({ name }) => name === query.operator)
  if (operator === undefined) throw noOperator(manifest, query.operator)
  const seen = new Set<string>()
  let isFound = query.state === null
  for (let subtask = 0; subtask < operator.parallelism; subtask++) {
    for (const state of await statesOf(store, manifest, operator, subtask)) {
      seen.add(state.name)
      if (query.state !== null && state.name !== query.state) continue
      isFound = true
      yield* rowsOf(state, subtask, query)
    }
  }
  if (!isFound) throw noState(manifest, query, seen)
}

/** By the canonical form of keys, as state compares them. */
export const isKey = (wanted: unknown): ((key: unknown) => boolean) => {
  const canonical = canonicalKey(wanted)
  return (key) => canonicalKey(key) === canonical
}

async function statesOf(
  store: Pick<ChunkStore, 'place' | 'get'>,
  { maxParallelism, startedMs }: Manifest,
  { name: operator, parallelism, subtasks }: OperatorSnapshot,
  subtask: number,
): Promise<readonly StoredState[]> {
  const chunks: Uint8Array[] = []
  for (const ref of subtasks[subtask]!.chunks) chunks.push(await readChunk(store, ref))
  // What lived when the snapshot was taken lives here.
  const state = createHeapState(maxParallelism, { wallTime: () => startedMs })
  restoreState(state, [{ subtask, chunks }], {
    operator,
    subtask,
    parallelism,
    formerParallelism: parallelism,
    maxParallelism,
  })
  return sourceOf(state).states()
}

/** Rows held at a time. */
const ROWS_AT_ONCE = 64

function* rowsOf(
  { name: state, kind, ttl, walk }: StoredState,
  subtask: number,
  { isWanted }: StateQuery,
): Iterable<StateRow> {
  let found: StateRow[] = []
  const hasTimes = kind === 'timers' || ttl !== null
  const rows: Rows = {
    dropGroup() {},
    dropKey() {},
    dropPart() {},
    put(group, key, record, timeMs) {
      if (isWanted !== null && !isWanted(key)) return
      found.push({ state, kind, subtask, key, group, record, timeMs: hasTimes ? timeMs : null })
    },
  }
  const pace = unpaced()
  for (const steps = walk(rows, null, pace); ; ) {
    pace.left = ROWS_AT_ONCE
    const { done } = steps.next()
    yield* found
    found = []
    if (done === true) return
  }
}

const noOperator = ({ round, operators }: Manifest, wanted: string): MillraceError =>
  new MillraceError(
    'E_NO_OPERATOR',
    `snapshot ${round} has no operator "${wanted}"; it has ${listed(operators.map(({ name }) => name))}`,
    { details: { round, operator: wanted } },
  )

const noState = (
  { round }: Manifest,
  { operator, state }: StateQuery,
  seen: ReadonlySet<string>,
): MillraceError =>
  new MillraceError(
    'E_NO_STATE',
    `operator "${operator}" has no state "${state}" in snapshot ${round}; it has ${listed([...seen])}`,
    { details: { round, operator, state: state ?? '' } },
  )

const listed = (names: readonly string[]): string =>
  names.length === 0 ? 'none' : names.map((name) => `"${name}"`).join(', ')
