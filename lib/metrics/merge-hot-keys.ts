/** The hot keys of one operator, from those of its subtasks. Pure. */

import type { Json } from '../base/json.js'
import { type CanonicalKey, canonicalKey } from '../base/key.js'
import { HOT_SHARE_MIN, type HotKeyWeights } from './hot-keys.js'

/** `share`: at least so much of the operator's records had this key, 0..1, judged by a sample. */
export interface HotKey {
  readonly key: Json
  readonly share: number
}

const KEYS_MAX = 10

/** Before an exchange the same key may come to several subtasks. */
export function mergeHotKeys(subtasks: readonly HotKeyWeights[]): readonly HotKey[] {
  const total = subtasks.reduce((sum, { weight }) => sum + weight, 0)
  const merged = new Map<CanonicalKey, { readonly key: Json; weight: number }>()
  for (const { key, weight } of subtasks.flatMap(({ keys }) => keys)) {
    const canonical = canonicalKey(key)
    const found = merged.get(canonical)
    if (found === undefined) merged.set(canonical, { key, weight })
    else found.weight += weight
  }
  return [...merged.values()]
    .filter(({ weight }) => weight >= total * HOT_SHARE_MIN)
    .sort((a, b) => b.weight - a.weight)
    .slice(0, KEYS_MAX)
    .map(({ key, weight }) => ({ key, share: weight / total }))
}
