/** Reads as much of a store as a restore needs to be decided: every byte of what it may go on from. */

import { chooseRestore, type RestoreChoice, type RestoreWish } from './choose-restore.js'
import type { ChunkStore } from './chunk-store.js'
import { type Verified, verifySnapshot } from './verify.js'

/** @throws MillraceError `E_STORE` where the store cannot be read. */
export async function findRestore(store: ChunkStore, wish: RestoreWish): Promise<RestoreChoice> {
  const numbers = await store.manifests()
  const verified = await verify(store, numbers, wish.wanted)
  return chooseRestore({ place: store.place, numbers, verified }, wish)
}

async function verify(
  store: ChunkStore,
  numbers: readonly number[],
  wanted: RestoreWish['wanted'],
): Promise<readonly Verified[]> {
  if (wanted !== 'latest')
    return numbers.includes(wanted) ? [await verifySnapshot(store, wanted)] : []
  const verified: Verified[] = []
  for (const number of [...numbers].reverse()) {
    const each = await verifySnapshot(store, number)
    verified.push(each)
    if (each.damage.length === 0) break
  }
  return verified
}
