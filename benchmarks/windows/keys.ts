/**
 * What a key costs: bytes of heap per distinct key for a count, and how fast counts are read and written.
 * The keys are made before the measurement where they are numbers; a key that is text is kept by the state
 * alone, as it is when records come from a file or a channel.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { keyGroupOf } from '../../lib/base/key.js'
import { createHeapState } from '../../lib/state/heap-state.js'
import type { ValueState } from '../../lib/state/state.js'
import type { Result } from '../micro/main.js'

const GROUPS = 128
const TTL = { ttl: { ms: 3_600_000, update: 'write' } } as const

interface Case {
  readonly name: string
  readonly keyOf: (i: number) => unknown
  readonly ttl?: true
}

const CASES: readonly Case[] = [
  { name: 'whole numbers', keyOf: (i) => i },
  { name: 'text of 10', keyOf: (i) => `user${String(i).padStart(6, '0')}` },
  { name: 'text of 36', keyOf: (i) => `${'0'.repeat(28)}${String(i).padStart(8, '0')}` },
  { name: 'pairs', keyOf: (i) => [i % 1_000, `page${i}`] },
  { name: 'whole numbers, with a TTL', keyOf: (i) => i, ttl: true },
]

export function* keysBench({ quick }: { readonly quick: boolean }): Iterable<Result> {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const keys = quick ? 100_000 : 1_000_000
  for (const { name, keyOf, ttl } of CASES) {
    const state = createHeapState(GROUPS).value<number>('count', ttl === true ? TTL : {})
    const before = heldBytes(gc)
    countAll(state, keys, keyOf)
    const bytes = (heldBytes(gc) - before) / keys
    const beganMs = performance.now()
    countAll(state, keys, keyOf)
    const perSecond = (keys * 1_000) / (performance.now() - beganMs)
    if (state.size !== keys) throw new Error(`${state.size} of ${keys} keys were counted`)
    yield { name: `heap per key, ${name}`, value: bytes, unit: 'bytes' }
    yield { name: `counts, ${name}`, value: perSecond / 1e6, unit: 'M/s' }
  }
}

function heldBytes(gc: () => void): number {
  gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function countAll(state: ValueState<number>, keys: number, keyOf: (i: number) => unknown): void {
  for (let i = 0; i < keys; i++) {
    const key = keyOf(i)
    const group = keyGroupOf(key, GROUPS)
    state.set(group, key, (state.get(group, key) ?? 0) + 1)
  }
}
