/** Tables that lie in a row of another table: whole while they are small, else what leads to their own rows. */
import { KeyTable, type TableWorld } from './key-table.js'
import { RowTable, type RowTableHead, type ValueShape } from './row-table.js'

/** Keys and values one behind the other, or a head. */
type Packed = { readonly all: readonly unknown[] } | { readonly head: RowTableHead }

export function nestedShape<V>(
  shape: ValueShape<V>,
  world: TableWorld<V>,
  open: (head: RowTableHead) => RowTable<V>,
): ValueShape<KeyTable<V>> {
  return {
    pack(table): Packed {
      const { content } = table
      if (content instanceof RowTable) return { head: content.head }
      const all: unknown[] = []
      for (const [key, value] of table.pairs()) all.push(key, shape.pack(value))
      return { all }
    },
    unpack(data) {
      const packed = data as Packed
      if ('head' in packed) return new KeyTable(world, open(packed.head))
      const table = new KeyTable(world)
      table.fill(unpackAll(packed.all, shape))
      return table
    },
    isBusy: (table) => table.isHeld,
  }
}

function* unpackAll<V>(
  all: readonly unknown[],
  { unpack }: ValueShape<V>,
): Iterable<readonly [key: unknown, value: V]> {
  for (let i = 0; i < all.length; i += 2) yield [all[i], unpack(all[i + 1])]
}
