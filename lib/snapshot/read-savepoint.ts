/** The state of an operator in a directory of snapshots, for programs. */
import { openToRead } from './open-to-read.js'
import { isKey, readState, type StateRow } from './read-state.js'
import { emptyStore } from './store-error.js'
import { readManifest } from './verify.js'

/** What `readSavepoint` is to give. */
export interface SavepointQuery {
  /** Its name. */
  readonly operator: string
  /** Default: all its states. */
  readonly state?: string
  /** Default: all keys. */
  readonly key?: unknown
  /** Default: the newest snapshot. */
  readonly round?: number
}

/**
 * Reads what an operator keeps in a savepoint, or in the checkpoints of a job, row by row: a value, an element of a list, an entry of a map, a timer. The state of one subtask at a time is in memory.
 *
 * @throws MillraceError `E_NO_SNAPSHOT`, `E_NO_OPERATOR`, `E_NO_STATE` with what there is;
 * `E_SNAPSHOT_DAMAGED`. While a job runs on it, a copy of the store is read.
 *
 * @example
 * for await (const { key, record } of readSavepoint('savepoint', { operator: 'balance' })) {
 *   console.log(key, record)
 * }
 */
export async function* readSavepoint(
  directory: string,
  query: SavepointQuery,
): AsyncIterable<StateRow> {
  const { store, close } = await openToRead(directory)
  try {
    const round = query.round ?? (await store.manifests()).at(-1)
    if (round === undefined) throw emptyStore(directory)
    yield* readState(store, await readManifest(store, round), {
      operator: query.operator,
      state: query.state ?? null,
      isWanted: 'key' in query ? isKey(query.key) : null,
    })
  } finally {
    await close()
  }
}
