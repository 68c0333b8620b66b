/**
 * Keeps a slot within its memory budget: between two turns it compares used heap and external memory
 * (Buffers) with the budget and fails the subtask at 80 %, by name, before V8's own limit can abort
 * the whole process.
 *
 * Costs, measured on Node 20: 0.07 µs per turn, 1 µs every `CHECK_MS`; near the limit one full
 * collection (60 ms per million live objects) before anybody is failed.
 *
 * It looks between turns only. A single turn that allocates without end is seen from outside once it
 * has run for a while ({@link isTurnOverBudget}); faster ones meet the worker's `resourceLimits`
 * ({@link heapLimitsFor}), which may end the process where one allocation jumps over them.
 */
import v8 from 'node:v8'
import vm from 'node:vm'
import type { ResourceLimits } from 'node:worker_threads'
import { assert } from '../../lib/base/assert.js'
import { MillraceError } from '../../lib/base/errors.js'
import { createMemoryBudget } from '../../lib/metrics/memory-budget.js'
import type { StateKeeper } from './state-keeper.js'

/** Longest time between two readings while turns run. */
const CHECK_MS = 2
const MIB = 2 ** 20

/** Bytes of heap and external memory that this isolate uses, garbage included. */
export type ReadMemory = () => number

export interface MemoryGuardOptions {
  /** For messages. */
  readonly slot: number
  /** 0: no guard. */
  readonly budgetBytes: number
  /** Who keeps the most state in the slot; asked once memory has run out. Default: nobody is known. */
  readonly mostState?: () => StateKeeper | null
  readonly now?: () => number
  readonly read?: ReadMemory
  /** Runs a full collection. */
  readonly collect?: () => void
}

export interface MemoryGuard {
  /**
   * To be called after every turn with the subtask that ran. Throws `E_MEMORY_BUDGET`; that is the
   * failure of the subtask.
   */
  check(operator: string, subtask: number): void
}

const noGuard: MemoryGuard = { check() {} }

export function createMemoryGuard(options: MemoryGuardOptions): MemoryGuard {
  if (options.budgetBytes === 0) return noGuard
  const { now = () => performance.now(), read = usedMemory, collect = collectFully } = options
  const budget = createMemoryBudget(options.budgetBytes)
  let nextMs = Number.NEGATIVE_INFINITY
  let used = 0

  function remainsOver(startMs: number): boolean {
    collect()
    used = read()
    // The memory of dead Buffers is given back by the collection after the one that found them.
    if (used >= budget.limitBytes) {
      collect()
      used = read()
    }
    const endMs = now()
    return budget.judgeCollected(used, endMs, endMs - startMs) === 'over'
  }

  return {
    check(operator, subtask) {
      const nowMs = now()
      if (nowMs < nextMs) return
      nextMs = nowMs + CHECK_MS
      used = read()
      if (budget.judge(used, nowMs) === 'fine' || !remainsOver(nowMs)) return
      const keeper = options.mostState?.() ?? null
      throw overBudget(options.slot, { operator, subtask }, keeper, used, options.budgetBytes)
    },
  }
}

/**
 * Heap limits of a worker with this budget. V8 aborts the whole process when one allocation does not
 * fit under its limit, and a Map doubles its table at once: 0.8 of the budget may ask for 1.6 more.
 * So its limit lies above that sum, and far enough for a long turn to be seen first. It is address
 * space, not memory.
 */
export function heapLimitsFor(budgetBytes: number): ResourceLimits {
  if (budgetBytes === 0) return {}
  return { maxOldGenerationSizeMb: Math.ceil((budgetBytes * 3) / MIB) + 256 }
}

/**
 * Judges the heap in the middle of a turn, where nothing can be collected: a little garbage on top of
 * a full budget is allowed, a second budget is not.
 */
export function isTurnOverBudget(heapBytes: number, budgetBytes: number): boolean {
  return budgetBytes > 0 && heapBytes > 2 * budgetBytes
}

function usedMemory(): number {
  const heap = v8.getHeapStatistics()
  return heap.used_heap_size + heap.external_memory + heap.malloced_memory
}

let exposedCollect: (() => void) | null = null

function collectFully(): void {
  exposedCollect ??= exposeCollect()
  exposedCollect()
}

const EXPOSE_TRIES_MAX = 100

/**
 * The collector's entry is exposed on demand, so that no flag is needed on the command line. Flags are
 * those of the process: another slot that does the same may take it back at any time.
 */
function exposeCollect(): () => void {
  let collect: (() => void) | undefined
  for (let tries = 0; collect === undefined && tries < EXPOSE_TRIES_MAX; tries++) {
    v8.setFlagsFromString('--expose-gc')
    collect = vm.runInNewContext('globalThis.gc') as (() => void) | undefined
    v8.setFlagsFromString('--no-expose-gc')
  }
  assert(collect !== undefined, 'the collector can be exposed')
  return collect
}

/**
 * The failure, by name; `usedBytes` of live memory, or of all where a turn was still running. What uses
 * it cannot be measured by operator. It is put down to who keeps the most state, if anybody does, else
 * to the turn in which it was seen, and the message says which.
 */
export function overBudget(
  slot: number,
  seenIn: Pick<StateKeeper, 'operator' | 'subtask'>,
  keeper: StateKeeper | null,
  usedBytes: number,
  budgetBytes: number,
): MillraceError {
  const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`
  const { operator, subtask } = keeper ?? seenIn
  const who = `operator "${operator}" (subtask ${subtask})`
  const where =
    keeper === null
      ? `seen in a turn of ${who}`
      : `and most state is kept by ${who}: ${keeper.entries} entries`
  return new MillraceError(
    'E_MEMORY_BUDGET',
    `slot ${slot} holds ${mib(usedBytes)} of memory, over 80 % of its budget of ` +
      `${mib(budgetBytes)}, ${where}. ` +
      'Keep less state there, raise memoryBytesMax, or spread the state over more slots.',
    {
      details: {
        slot,
        operator,
        subtask,
        usedBytes,
        budgetBytes,
        ...(keeper && { entries: keeper.entries }),
      },
    },
  )
}
