/** Tables that lie in a row of another table: whole while they are small, else what leads to their own rows. */
import { KeyTable } from './key-table.js'
import { RowTable, type RowTableHead, type ValueShape } from './row-table.js'
import type { TableWorld } from './table-world.js'

/** Keys and values one behind the other, or a head. */
type Packed = { readonly all: readonly unknown[] } | { readonly head: RowTableHead }

export function nestedShape<V>(
  shape: ValueShape<V>,
  world: TableWorld<V>,
  open: (head: RowTableHead) => RowTable<V>,
): ValueShape<KeyTable<V>> {
  return {
    pack(table): Packed {
      const { values } = table
      if (values instanceof RowTable) return { head: values.head }
      const all: unknown[] = []
      for (const [key, value] of table.entries()) all.push(key, shape.pack(value))
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
