/** Opens the level backend of a region in a slot. */

import { textRows } from '../../lib/state/row-text.js'
import { cachedBackend, type OpenState } from '../../lib/state/state-backend.js'
import { decodeOwnCbor, encodeCbor } from '../../lib/wire/cbor.js'

export const openLevelBackend: OpenState = async ({ budgetBytes, ...place }) => {
  // Loaded by those who use it only: it brings a native library.
  const { openLevelRows } = await import('../../lib/state/level-rows.js')
  const rows = await openLevelRows(place)
  const codec = textRows({ encode: encodeCbor, decode: decodeOwnCbor })
  return cachedBackend({ rows, codec, budgetBytes }, () => rows.close())
}
