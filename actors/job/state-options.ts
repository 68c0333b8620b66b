/** Where a job keeps its state, as its user says it. */
import { MillraceError } from '../../lib/base/errors.js'
import { refuseUnknownOptions } from '../../lib/base/unknown-option.js'
import type { StateSettings } from '../../lib/state/state-backend.js'

/** `heap`: in memory. `level`: on disk, with a cache. */
export type StateBackendName = 'heap' | 'level'

/** Options of `run` and `submit`: where operators keep their state. */
export interface StateBackendOptions {
  /**
   * `heap`: in memory; fastest, and all of it must fit. `level`: keyed values, lists and maps in a LevelDB
   * on the machine's disk, with a cache; what is kept must be plain data. Results are the same.
   */
  readonly backend: StateBackendName
  /**
   * With `level`: a directory on a fast local disk; the working copy lies below it while the job runs.
   * Default: the folder for temporary files (TMPDIR). It is no safe: snapshots are what survives. On a
   * cluster each node has its own, and this must be left out: see `startNode`.
   */
  readonly directory?: string
  /**
   * With `level`: budget of the cache of one slot in MiB, beside some 45 MiB of LevelDB's own. Default: 256,
   * or a quarter of `memoryMb` where that is less.
   */
  readonly cacheMb?: number
}

const CACHE_MB = 256
const MIB = 2 ** 20

/** `memoryMb`: of one slot; null: no limit. Throws E_BAD_STATE_BACKEND. */
export function stateSettingsOf(
  state: StateBackendName | StateBackendOptions | undefined,
  memoryMb: number | null,
): StateSettings {
  if (state === undefined) return { backend: 'heap' }
  if (typeof state === 'string') return stateSettingsOf({ backend: state }, memoryMb)
  refuseUnknownOptions('{ state }', state, ['backend', 'directory', 'cacheMb'])
  const { backend, directory, cacheMb } = state
  if (backend === 'heap') {
    if (directory === undefined && cacheMb === undefined) return { backend }
    throw bad("'directory' and 'cacheMb' belong to the backend 'level'")
  }
  if (backend !== 'level') throw bad(`the backend is 'heap' or 'level'; it is '${String(backend)}'`)
  if (directory === '') throw bad("'directory' is empty")
  const cacheBytes = cacheMbOf(cacheMb, memoryMb) * MIB
  return { backend, directory: directory ?? null, cacheBytes }
}

function cacheMbOf(cacheMb: number | undefined, memoryMb: number | null): number {
  const memory = memoryMb ?? Number.POSITIVE_INFINITY
  if (cacheMb === undefined) return Math.min(CACHE_MB, memory / 4)
  if (!(cacheMb > 0 && Number.isFinite(cacheMb))) {
    throw bad(`'cacheMb' must be a positive number of MiB; it is ${String(cacheMb)}`)
  }
  if (cacheMb <= memory / 2) return cacheMb
  throw bad(
    `a cache of ${cacheMb} MiB is more than half of the ${memory} MiB of a slot ('memoryMb'): make one ` +
      'smaller or the other larger',
  )
}

const bad = (what: string): MillraceError =>
  new MillraceError('E_BAD_STATE_BACKEND', `{ state }: ${what}`)
