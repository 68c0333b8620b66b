/** Restores state from its chunks, in a subtask that may own other key groups than the one that wrote them. */
import { MillraceError } from '../base/errors.js'
import { keyGroupOf, subtaskOf } from '../base/key.js'
import type { Restoring, Rows, SnapshotSource, StateKind } from '../state/frozen.js'
import { createHeapState } from '../state/heap-state.js'
import type { Upcast } from '../state/upcast.js'
import { BatchDecoder, type DecodedBatch } from '../wire/decoder.js'
import { ListAssembly } from './list-assembly.js'
import {
  type DecodedChunk,
  damaged,
  decodeStateChunk,
  type GroupedFrame,
  PARTS,
  type Section,
} from './state-chunk.js'
import { VALUE_BYTES_MAX } from './state-encoding.js'
import { sourceOf } from './state-rounds.js'
import type { FormerState, RestoreState, RestoreTarget } from './state-snapshots.js'

export const restoreState: RestoreState = (store, former, target) => {
  const restore = new Restore(sourceOf(store), target)
  for (const each of [...former].sort((a, b) => a.subtask - b.subtask)) {
    try {
      restore.take(each)
    } catch (error) {
      throw located(error, target.operator, each.subtask)
    }
  }
  restore.deal()
}

/** True where there is one for each key. */
const isKeyed = (kind: StateKind): boolean =>
  kind !== 'single' && kind !== 'operatorList' && kind !== 'broadcast'

class Restore {
  readonly #source: SnapshotSource
  readonly #target: RestoreTarget
  /** As many subtasks and key groups as before: each has what it had. */
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

  take({ subtask, chunks }: FormerState): void {
    const decoded = chunks.map(decodeStateChunk)
    const head = decoded[0]?.head
    if (head === undefined) return
    if (!head.full) throw damaged('its chain has no beginning')
    const { formerParallelism, parallelism, maxParallelism } = this.#target
    this.#subtask = subtask
    this.#isSame = formerParallelism === parallelism && head.maxParallelism === maxParallelism
    this.#wants = this.#isSame ? null : (frame) => this.#ownsAny(frame)
    if (this.#isSame && subtask !== this.#target.subtask) return
    const isDirect = this.#isSame || decoded.every(({ head }) => head.full)
    if (isDirect && head.maxParallelism === maxParallelism) this.#applyAll(decoded)
    else this.#dealOut(decoded, head.maxParallelism)
  }

  /** Gives this subtask its share of the operator lists. */
  deal(): void {
    const { subtask, parallelism } = this.#target
    for (const [name, values] of this.#dealt) {
      const into = this.#into(name, 'operatorList', null)
      const from = Math.floor((subtask * values.length) / parallelism)
      const to = Math.floor(((subtask + 1) * values.length) / parallelism)
      for (let at = from; at < to; at++) {
        into.put(0, undefined, { at: at - from, value: values[at] }, 0)
      }
      into.done()
    }
  }

  #applyAll(chunks: readonly DecodedChunk[]): void {
    for (const sections of roundsOf(chunks)) {
      for (const part of PARTS) {
        for (const section of sections) if (section.part === part) this.#apply(section)
      }
    }
    for (const state of this.#states.values()) state?.done()
    this.#states = new Map()
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
  #dealOut(chunks: readonly DecodedChunk[], maxParallelism: number): void {
    const former = createHeapState(maxParallelism)
    // Upcast once: on the way to where it stays.
    const own = { ...this.#target, subtask: this.#subtask, maxParallelism, upcast: null }
    const whole = new Restore(sourceOf(former), own)
    whole.#isSame = true
    if (maxParallelism === this.#target.maxParallelism) whole.#wants = this.#wants
    whole.#applyAll(chunks)
    for (const { name, kind, ttl, walk } of sourceOf(former).states()) {
      const into = this.#open(name, kind, ttl)
      if (into === null) continue
      const steps = walk(isKeyed(kind) ? this.#rehashed(into) : into, null)
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

/** The sections of a chain, round by round. */
function* roundsOf(chunks: readonly DecodedChunk[]): Iterable<readonly Section[]> {
  for (let i = 0; i < chunks.length; ) {
    const { round } = chunks[i]!.head
    const sections: Section[] = []
    for (; i < chunks.length && chunks[i]!.head.round === round; i++) {
      sections.push(...chunks[i]!.sections)
    }
    yield sections
  }
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
