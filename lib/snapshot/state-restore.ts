/**
 * Restores state from its chunks, in a subtask that may own other key groups than the one that wrote them.
 *
 * Chunk by chunk: in memory are one, and a few MiB more where what a round drops lies in several, because
 * that is applied before what it puts. Where a chain with changes is dealt out anew (another parallelism
 * or number of key groups), the state of one former subtask is in memory as a whole, too.
 */
import { MillraceError } from '../base/errors.js'
import { keyGroupOf, subtaskOf } from '../base/key.js'
import { unpaced } from '../base/pace.js'
import type { Restoring, Rows, SnapshotSource, StateKind } from '../state/frozen.js'
import { createHeapState } from '../state/heap-state.js'
import { areHeld, subtaskHolding } from '../state/held-rows.js'
import type { StateStore } from '../state/state.js'
import type { Upcast } from '../state/upcast.js'
import { BatchDecoder, type DecodedBatch } from '../wire/decoder.js'
import type { ChunkRef } from './chunk-store.js'
import { ListAssembly } from './list-assembly.js'
import { type Asking, StateChain } from './state-chain.js'
import { damaged, type GroupedFrame, type Part, type Section } from './state-chunk.js'
import { VALUE_BYTES_MAX } from './state-encoding.js'
import { sourceOf } from './state-rounds.js'
import type { FormerChunks, RestoreState, RestoreTarget } from './state-snapshots.js'

export const restoreState: RestoreState = (store, former, target) => {
  const steps = restoring(store, former, target)
  for (let step = steps.next(); step.done !== true; ) step = steps.next(step.value)
}

/** As `restoreState`, with chunks that are read when they are wanted; rejects as `read` does, too. */
export async function restoreStateFrom(
  store: StateStore,
  former: readonly FormerChunks<ChunkRef>[],
  target: RestoreTarget,
  read: (ref: ChunkRef) => Promise<Uint8Array>,
): Promise<void> {
  const steps = restoring(store, former, target)
  for (let step = steps.next(); step.done !== true; ) step = steps.next(await read(step.value))
}

function* restoring<C>(
  store: StateStore,
  former: readonly FormerChunks<C>[],
  target: RestoreTarget,
): Asking<C> {
  const restore = new Restore(sourceOf(store), target)
  for (const { subtask, chunks } of [...former].sort((a, b) => a.subtask - b.subtask)) {
    try {
      yield* restore.take(subtask, new StateChain(chunks))
    } catch (error) {
      throw located(error, target.operator, subtask)
    }
  }
  restore.deal()
}

/** They only take away, each something else or the same again: their order does not matter. */
const DROPS: readonly Part[] = ['dropGroup', 'dropKey', 'dropPart']
const PUTS: readonly Part[] = ['put']

/** True where there is one for each key. */
const isKeyed = (kind: StateKind): boolean =>
  kind !== 'single' && kind !== 'operatorList' && kind !== 'broadcast'

class Restore {
  readonly #source: SnapshotSource
  readonly #target: RestoreTarget
  /** As many subtasks and key groups as before, fed as before: each has what it had. */
  #isSame = false
  /** Frames of keyed states that may have rows for this subtask; null: all. */
  #wants: ((frame: GroupedFrame) => boolean) | null = null
  /** The operator lists of all former subtasks, by name. */
  readonly #dealt = new Map<string, unknown[]>()
  /** Broadcast states that are there already: they are the same everywhere. */
  readonly #broadcast = new Set<string>()
  #subtask = 0
  /** The states of the former subtask in hand; null: not for this one. */
  #states = new Map<string, Restoring | null>()

  constructor(source: SnapshotSource, target: RestoreTarget) {
    this.#source = source
    this.#target = target
  }

  *take<C>(subtask: number, chain: StateChain<C>): Asking<C> {
    if (chain.length === 0) return
    const { head } = yield* chain.at(0)
    if (!head.full) throw damaged('its chain has no beginning')
    const { formerParallelism, parallelism, maxParallelism, dealsAnew = false } = this.#target
    this.#subtask = subtask
    this.#isSame =
      !dealsAnew && formerParallelism === parallelism && head.maxParallelism === maxParallelism
    this.#wants = this.#isSame ? null : (frame) => this.#ownsAny(frame)
    if (this.#isSame && subtask !== this.#target.subtask) return
    if (head.maxParallelism === maxParallelism && (this.#isSame || (yield* isFull(chain)))) {
      yield* this.#applyAll(chain)
    } else yield* this.#dealOut(chain, head.maxParallelism)
  }

  /** Gives this subtask its share of the operator lists. */
  deal(): void {
    const { subtask, parallelism } = this.#target
    for (const [name, values] of this.#dealt) {
      const into = this.#into(name, 'operatorList', null)
      const from = Math.floor((subtask * values.length) / parallelism)
      const to = Math.floor(((subtask + 1) * values.length) / parallelism)
      const own = areHeld(name, values)
        ? values.filter((value) => subtaskHolding(value, this.#target) === subtask)
        : values.slice(from, to)
      for (const [at, value] of own.entries()) into.put(0, undefined, { at, value }, 0)
      into.done()
    }
  }

  *#applyAll<C>(chain: StateChain<C>): Asking<C> {
    for (let at = 0; at < chain.length; ) {
      const { head } = yield* chain.at(at)
      at = head.full ? yield* this.#applyFull(chain, at) : yield* this.#applyChanges(chain, at)
    }
    for (const state of this.#states.values()) state?.done()
    this.#states = new Map()
  }

  /** A full round, which drops nothing. Returns where the next one begins. */
  *#applyFull<C>(chain: StateChain<C>, from: number): Asking<C, number> {
    let at = from
    for (; at < chain.length; at++) {
      const { head, sections } = yield* chain.at(at)
      if (!head.full) break
      this.#applyParts(sections, PUTS)
      chain.passed(at)
    }
    return at
  }

  /** What a round of changes drops lies behind what it puts, and comes first. */
  *#applyChanges<C>(chain: StateChain<C>, from: number): Asking<C, number> {
    // Rows of others would be dropped, too.
    if (!this.#isSame) throw damaged('a full round follows one of changes')
    const { round } = (yield* chain.at(from)).head
    let end = from
    for (; end < chain.length; end++) {
      const { head, sections } = yield* chain.at(end)
      if (head.round !== round) break
      this.#applyParts(sections, DROPS)
    }
    for (let at = from; at < end; at++) {
      const { sections } = yield* chain.at(at)
      this.#applyParts(sections, PUTS)
      chain.passed(at)
    }
    return end
  }

  #applyParts(sections: readonly Section[], parts: readonly Part[]): void {
    for (const section of sections) if (parts.includes(section.part)) this.#apply(section)
  }

  #apply(section: Section): void {
    const { state, kind, ttl } = section
    let into = this.#states.get(state)
    if (into === undefined) {
      into = this.#open(state, kind, ttl)
      this.#states.set(state, into)
    }
    if (into === null) return
    for (const batch of batchesOf(section, isKeyed(kind) ? this.#wants : null)) {
      this.#applyBatch(section, batch, into, isKeyed(kind) && !this.#isSame)
    }
  }

  /** Where the rows of a state go; null where they belong to another subtask. */
  #open(name: string, kind: StateKind, ttl: Section['ttl']): Restoring | null {
    if (this.#isSame || isKeyed(kind)) return this.#into(name, kind, ttl)
    if (kind === 'single') {
      return this.#subtask === this.#target.subtask ? this.#into(name, kind, ttl) : null
    }
    if (kind === 'operatorList') {
      const dealt = this.#dealt.get(name) ?? []
      this.#dealt.set(name, dealt)
      return new ListAssembly((values) => dealt.push(...values))
    }
    if (this.#broadcast.has(name)) return null
    this.#broadcast.add(name)
    return this.#into(name, kind, ttl)
  }

  /** The state of the store, behind the upcast. */
  #into(name: string, kind: StateKind, ttl: Section['ttl']): Restoring {
    const into = this.#source.restore(name, kind, ttl)
    const { upcast = null } = this.#target
    return upcast === null || kind === 'timers' ? into : upcasting(into, name, kind, upcast)
  }

  #applyBatch(
    { part }: Section,
    { records, keys, groups, times }: DecodedBatch,
    into: Rows,
    moves: boolean,
  ): void {
    if (keys === null || groups === null) throw damaged('it has rows without keys')
    for (let i = 0; i < records.length; i++) {
      const group = groups[i]!
      const key = keys[i]
      if (moves && !this.#owns(group, key)) continue
      if (part === 'put') into.put(group, key, records[i], times === null ? 0 : times[i]!)
      else if (part === 'dropPart') into.dropPart(group, key, records[i])
      else if (part === 'dropKey') into.dropKey(group, key)
      else into.dropGroup(group)
    }
  }

  #owns(group: number, key: unknown): boolean {
    const { subtask, parallelism, maxParallelism } = this.#target
    if (group === 0 && key === undefined) return this.#subtask % parallelism === subtask
    return subtaskOf(group, parallelism, maxParallelism) === subtask
  }

  #ownsAny({ firstGroup, lastGroup }: GroupedFrame): boolean {
    const { subtask, parallelism, maxParallelism } = this.#target
    if (firstGroup === 0) return true
    return (
      subtaskOf(firstGroup, parallelism, maxParallelism) <= subtask &&
      subtaskOf(lastGroup, parallelism, maxParallelism) >= subtask
    )
  }

  /**
   * What a chain drops is its own: several former subtasks may have had rows of one key. So it is put
   * together as it was, and then each key finds its subtask, in its group of now.
   */
  *#dealOut<C>(chain: StateChain<C>, maxParallelism: number): Asking<C> {
    const former = createHeapState(maxParallelism)
    // Upcast once: on the way to where it stays.
    const own = { ...this.#target, subtask: this.#subtask, maxParallelism, upcast: null }
    const whole = new Restore(sourceOf(former), own)
    whole.#isSame = true
    if (maxParallelism === this.#target.maxParallelism) whole.#wants = this.#wants
    yield* whole.#applyAll(chain)
    for (const { name, kind, ttl, walk } of sourceOf(former).states()) {
      const into = this.#open(name, kind, ttl)
      if (into === null) continue
      const steps = walk(isKeyed(kind) ? this.#rehashed(into) : into, null, unpaced())
      while (steps.next().done !== true);
      into.done()
    }
  }

  #rehashed(into: Rows): Rows {
    return {
      dropGroup() {},
      dropKey() {},
      dropPart() {},
      put: (formerGroup, key, record, timeMs) => {
        const isKeyless = formerGroup === 0 && key === undefined
        const group = isKeyless ? 0 : keyGroupOf(key, this.#target.maxParallelism)
        if (this.#owns(group, key)) into.put(group, key, record, timeMs)
      },
    }
  }
}

/** Rows with their values upcast: what a record of each kind is says `state/frozen.ts`. */
function upcasting(into: Restoring, name: string, kind: StateKind, upcast: Upcast): Restoring {
  const isWhole =
    kind === 'value' || kind === 'reducing' || kind === 'aggregating' || kind === 'single'
  const convert = (record: unknown): unknown => {
    if (isWhole) return upcast(record, name)
    const part = record as { readonly value: unknown }
    return { ...part, value: upcast(part.value, name) }
  }
  return {
    dropGroup: (group) => into.dropGroup(group),
    dropKey: (group, key) => into.dropKey(group, key),
    dropPart: (group, key, part) => into.dropPart(group, key, part),
    put: (group, key, record, timeMs) => into.put(group, key, convert(record), timeMs),
    done: () => into.done(),
  }
}

/** True where it is one full round: what a chain ends with tells. */
function* isFull<C>(chain: StateChain<C>): Asking<C, boolean> {
  return (yield* chain.at(chain.length - 1)).head.full
}

function* batchesOf(
  { frames }: Section,
  wants: ((frame: GroupedFrame) => boolean) | null,
): Iterable<DecodedBatch> {
  const decoder = new BatchDecoder({ recordBytesMax: VALUE_BYTES_MAX })
  for (const frame of frames) {
    if (wants !== null && !wants(frame)) continue
    const { bytes } = frame
    const own = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
    const batch = decoder.decode(own as ArrayBuffer)
    if (batch !== null) yield batch
  }
}

function located(error: unknown, operator: string, subtask: number): unknown {
  const passes = ['E_STATE_NAME', 'E_SNAPSHOT_VERSION', 'E_UPCAST']
  if (error instanceof MillraceError && passes.includes(error.code)) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new MillraceError(
    'E_SNAPSHOT_DAMAGED',
    `the state of operator ${operator} in subtask ${subtask} cannot be restored: ${reason}`,
    { cause: error, details: { operator, subtask } },
  )
}
