/** What a job's options say about snapshots, checked; and the stores that go with them, opened. */
import { resolve } from 'node:path'
import { unreachable } from '../../lib/base/assert.js'
import { type Duration, durationMs } from '../../lib/base/duration.js'
import { MillraceError } from '../../lib/base/errors.js'
import { optionNames, refuseUnknownOptions } from '../../lib/base/unknown-option.js'
import type { Checkpoints } from '../../lib/graph/guarantee.js'
import type { Plan } from '../../lib/graph/plan.js'
import type { NamedNode } from '../../lib/snapshot/build-manifest.js'
import type { CheckpointSettings } from '../../lib/snapshot/checkpoint.js'
import type { ChunkStore } from '../../lib/snapshot/chunk-store.js'
import { findRestore } from '../../lib/snapshot/find-restore.js'
import { openLevelChunkStore } from '../../lib/snapshot/level-chunk-store.js'
import type { Manifest, SnapshotMode } from '../../lib/snapshot/manifest.js'
import { checkRestore } from '../../lib/snapshot/restore-plan.js'
import { emptyStore } from '../../lib/snapshot/store-error.js'
import { SnapshotStores } from '../checkpoint/snapshot-stores.js'
import type { SnapshotSettings } from '../worker/protocol.js'
import type { JobSnapshots } from './job-rounds.js'

/** When and where snapshots are taken. Durations: ms, or text like `'10s'`. */
export interface CheckpointOptions {
  /** Where they lie: a LevelDB directory of this job alone; made where it is missing. */
  readonly directory: string
  /** Between the beginnings of two rounds. Default 10 s. */
  readonly interval?: Duration
  /** Between the end of one and the beginning of the next. Default 0. */
  readonly minPause?: Duration
  /** A round that takes longer is given up. Default 10 min. */
  readonly timeout?: Duration
  /** Rounds under way at a time. Default 1; unaligned ones allow no more. */
  readonly maxConcurrent?: number
  /**
   * Rounds in a row that may fail before the job does. Default 3. Where the directory cannot be used any more
   * (it is gone, damaged, read-only, locked by another), the job fails with the first; a full disk is waited for.
   */
  readonly tolerableFailures?: number
  /** Complete ones that are kept. Default 3. */
  readonly retained?: number
  /**
   * `aligned` (default): a channel whose barrier has come waits for the others. `unaligned`: barriers go
   * ahead of records, and those that they overtake are stored with the snapshot. `at-least-once`: no
   * channel waits, and a restart may see records twice.
   */
  readonly mode?: SnapshotMode
  /**
   * In mode `aligned`: a round that has taken so long becomes unaligned; null: none does. Default 10 s, or
   * null with several rounds at a time.
   */
  readonly alignmentTimeout?: Duration | null
  /** Each round holds what has changed since the one before. Default true. */
  readonly incremental?: boolean
}

/** Their names. */
export const CHECKPOINT_OPTIONS = optionNames<CheckpointOptions>({
  directory: true,
  interval: true,
  minPause: true,
  timeout: true,
  maxConcurrent: true,
  tolerableFailures: true,
  retained: true,
  mode: true,
  alignmentTimeout: true,
  incremental: true,
})

const MODES: readonly SnapshotMode[] = ['aligned', 'unaligned', 'at-least-once']

export const snapshotSettingsOf = (
  options: CheckpointOptions,
  allowDroppedState = false,
): SnapshotSettings => ({
  exactlyOnce: options.mode !== 'at-least-once',
  incremental: options.incremental ?? true,
  allowDroppedState,
})

/** For the plan. */
export function checkpointsOf(options: CheckpointOptions | undefined): Checkpoints {
  if (options === undefined) return null
  return options.mode === 'at-least-once' ? 'at-least-once' : 'exactly-once'
}

/** What `run` is given. */
export interface SnapshotOptions {
  readonly checkpoint?: CheckpointOptions
  readonly restore?: 'latest' | number | string
  readonly allowDroppedState?: boolean
  readonly acceptDuplicates?: boolean
  readonly transactions?: 'commit' | 'discard'
  readonly claim?: boolean
}

/**
 * Null where no snapshots are taken. What is restored has been read to its last byte. `note` is told what
 * the user should know of it.
 */
export async function openSnapshots(
  options: SnapshotOptions,
  plan: Plan,
  nodes: readonly NamedNode[],
  note: (text: string) => void,
  open: (directory: string) => Promise<ChunkStore> = openLevelChunkStore,
): Promise<JobSnapshots | null> {
  const { checkpoint, restore, allowDroppedState = false, acceptDuplicates = false } = options
  const { transactions = null, claim = false } = options
  if (checkpoint === undefined) {
    if (restore !== undefined) throw restoreNeedsDirectory()
    return null
  }
  const settings = settingsOf(checkpoint)
  if (restore !== undefined && !isPlace(restore)) throw noPlace(restore)
  const { directory, retained = 3, mode = 'aligned' } = checkpoint
  const store = await open(directory)
  let found: Found | null = null
  try {
    const numbers = await store.manifests()
    const mayRepeat = nodes.every(
      ({ role, traits }) => role !== 'sink' || traits.idempotent === true,
    )
    const search = { restore, mayRepeat, acceptDuplicates, transactions, own: directory, note }
    found = await findRestored(store, numbers, search)
    if (found !== null) checkRestore(found.manifest, plan, nodes, allowDroppedState)
    const stores = new SnapshotStores(
      {
        store,
        open,
        retained,
        restored: found?.manifest ?? null,
        restoredFrom: found?.from ?? null,
        claims: claim,
      },
      Math.max(0, ...numbers, found?.manifest.round ?? 0),
    )
    return { stores, settings, mode, nodes }
  } catch (error) {
    // The refusal counts, whatever becomes of these.
    await Promise.allSettled([found?.from?.close(), store.close()])
    throw error
  }
}

interface Found {
  readonly manifest: Manifest
  /** Null: the job's own store. */
  readonly from: ChunkStore | null
}

interface Search {
  readonly restore: SnapshotOptions['restore']
  readonly mayRepeat: boolean
  readonly acceptDuplicates: boolean
  readonly transactions: 'commit' | 'discard' | null
  /** Directory of the job's own store, which is open. */
  readonly own: string
  readonly note: (text: string) => void
}

async function findRestored(
  store: ChunkStore,
  numbers: readonly number[],
  search: Search,
): Promise<Found | null> {
  const { restore } = search
  if (restore === undefined) {
    if (numbers.length > 0) throw directoryInUse(store.place, numbers)
    return null
  }
  if (restore !== 'latest' && typeof restore === 'string') return findSavepoint(restore, search)
  const manifest = await choose(store, restore, search)
  return manifest === null ? null : { manifest, from: null }
}

async function findSavepoint(directory: string, search: Search): Promise<Found> {
  if (resolve(directory) === resolve(search.own)) throw itsOwn(directory)
  const from = await openLevelChunkStore(directory, { create: false })
  try {
    const manifest = await choose(from, 'latest', search)
    if (manifest === null) throw emptyStore(directory)
    return { manifest: await forked(manifest, directory, search), from }
  } catch (error) {
    // As above.
    await from.close().catch(() => {})
    throw error
  }
}

/**
 * Of a savepoint behind which its job went on: that must not run any more, or both would write the same
 * output; and what the savepoint had prepared, which that job may have committed, must be decided.
 */
async function forked(
  manifest: Manifest,
  directory: string,
  { transactions, own }: Search,
): Promise<Manifest> {
  const { forkOf } = manifest
  if (forkOf === undefined) return manifest
  if (forkOf !== resolve(own) && (await isOpen(forkOf))) throw originalRuns(directory, forkOf)
  const hasPrepared = manifest.operators.some(({ subtasks }) =>
    subtasks.some((subtask) => subtask.transactions.length > 0),
  )
  if (!hasPrepared || transactions === 'commit') return manifest
  if (transactions === null) throw undecided(directory)
  return {
    ...manifest,
    operators: manifest.operators.map((operator) => ({
      ...operator,
      subtasks: operator.subtasks.map((subtask) => ({ ...subtask, transactions: [] })),
    })),
  }
}

/** A store that somebody has open; false where there is none, or none that can be seen from here. */
async function isOpen(directory: string): Promise<boolean> {
  try {
    const store = await openLevelChunkStore(directory, { create: false })
    await store.close()
    return false
  } catch (error) {
    return error instanceof MillraceError && error.code === 'E_STORE_LOCKED'
  }
}

/** Null where the store is empty. */
async function choose(
  store: ChunkStore,
  wanted: 'latest' | number,
  { mayRepeat, acceptDuplicates, note }: Search,
): Promise<Manifest | null> {
  const choice = await findRestore(store, { wanted, mayRepeat, acceptDuplicates })
  switch (choice.kind) {
    case 'none':
      return null
    case 'refused':
      throw choice.error
    case 'restore':
      for (const { number, damage } of choice.passedOver) {
        note(`snapshot ${number} is damaged and was passed over: ${damage[0]!.message}`)
      }
      return choice.manifest
    default:
      return unreachable(choice)
  }
}

function settingsOf(options: CheckpointOptions): CheckpointSettings {
  refuseUnknownOptions('checkpoint', options, CHECKPOINT_OPTIONS)
  const { directory, mode = 'aligned', interval = '10s', minPause = 0, timeout = '10m' } = options
  const { maxConcurrent = 1, tolerableFailures = 3, retained = 3 } = options
  if (typeof directory !== 'string' || directory === '') {
    throw badOption('directory', 'the path of a directory', directory)
  }
  if (!MODES.includes(mode)) throw badOption('mode', MODES.join(', '), mode)
  if (!(Number.isInteger(maxConcurrent) && maxConcurrent >= 1)) {
    throw badOption('maxConcurrent', 'a whole number ≥ 1', maxConcurrent)
  }
  if (!(Number.isInteger(retained) && retained >= 1)) {
    throw badOption('retained', 'a whole number ≥ 1', retained)
  }
  if (!(tolerableFailures >= 0)) {
    throw badOption('tolerableFailures', 'a number ≥ 0', tolerableFailures)
  }
  return {
    intervalMs: durationMs(interval, 'checkpoint: interval', 1),
    minPauseMs: durationMs(minPause, 'checkpoint: minPause', 0),
    timeoutMs: durationMs(timeout, 'checkpoint: timeout', 1),
    maxConcurrent,
    tolerableFailures,
    unalignedAfterMs: unalignedAfterMs(options, maxConcurrent),
  }
}

const ALIGNMENT_TIMEOUT: Duration = '10s'

/** See `CheckpointSettings`. */
function unalignedAfterMs(
  { mode = 'aligned', alignmentTimeout }: CheckpointOptions,
  maxConcurrent: number,
): number | null {
  if (mode !== 'aligned' && alignmentTimeout != null) {
    throw badOption('alignmentTimeout', "left out, but for mode 'aligned'", alignmentTimeout)
  }
  if (mode === 'at-least-once' || alignmentTimeout === null) return null
  if (maxConcurrent > 1) {
    if (mode === 'aligned' && alignmentTimeout === undefined) return null
    throw badOption('maxConcurrent', '1 where rounds may be unaligned', maxConcurrent)
  }
  if (mode === 'unaligned') return 0
  return durationMs(alignmentTimeout ?? ALIGNMENT_TIMEOUT, 'checkpoint: alignmentTimeout', 1)
}

const badOption = (name: string, expected: string, seen: unknown): MillraceError =>
  new MillraceError(
    'E_BAD_ARGUMENT',
    `checkpoint: ${name} must be ${expected}; it is ${JSON.stringify(seen)}`,
  )

const isPlace = (restore: unknown): boolean =>
  typeof restore === 'string' ? restore !== '' : Number.isInteger(restore) && Number(restore) >= 1

const noPlace = (restore: unknown): MillraceError =>
  new MillraceError(
    'E_BAD_ARGUMENT',
    "restore must be 'latest', the number of a snapshot, or the directory of a savepoint; it is " +
      (JSON.stringify(restore) ?? String(restore)),
  )

const restoreNeedsDirectory = (): MillraceError =>
  new MillraceError(
    'E_BAD_ARGUMENT',
    'restore needs checkpoint: { directory }: there the job goes on taking snapshots (--checkpoint-dir)',
  )

const directoryInUse = (place: string, numbers: readonly number[]): MillraceError =>
  new MillraceError(
    'E_SNAPSHOTS_THERE',
    `${place} holds snapshots ${numbers[0]} to ${numbers.at(-1)} of an earlier run: go on from the last one ` +
      "with restore: 'latest' (--restore latest), or name an empty directory",
  )

const originalRuns = (directory: string, forkOf: string): MillraceError =>
  new MillraceError(
    'E_ORIGINAL_RUNS',
    `the job of which ${directory} is a savepoint still runs, with its snapshots in ${forkOf}: both would ` +
      'write the same output. Stop it first',
    { details: { directory, forkOf } },
  )

const undecided = (directory: string): MillraceError =>
  new MillraceError(
    'E_TRANSACTIONS_UNDECIDED',
    `the job went on behind savepoint ${directory}, which holds output that was prepared and not committed ` +
      "with it. Say what becomes of that: transactions: 'commit' (--transactions commit), where that job has " +
      "committed it or nobody will; or 'discard', where this job is to write elsewhere",
    { details: { directory } },
  )

const itsOwn = (directory: string): MillraceError =>
  new MillraceError(
    'E_BAD_ARGUMENT',
    `restore: ${directory} is where this job keeps its own checkpoints; a directory is that of a savepoint. ` +
      "To go on from the last checkpoint: restore: 'latest' (--restore latest)",
    { details: { directory } },
  )
