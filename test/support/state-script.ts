/** Random operations on every kind of state, and what a store holds as plain data. */
import { keyGroupOf } from '../../lib/base/key.js'
import { unpaced } from '../../lib/base/pace.js'
import type { Random } from '../../lib/base/random.js'
import type {
  ElementRecord,
  EntryRecord,
  SnapshotSource,
  TimerRecord,
} from '../../lib/state/frozen.js'
import type { StateOptions, StateStore } from '../../lib/state/state.js'

export const GROUPS = 16
const WRITE: StateOptions = { ttl: { ms: 500, update: 'write' } }
const READ_WRITE: StateOptions = { ttl: { ms: 500, update: 'readWrite' } }
const KEYS: readonly unknown[] = [
  ...Array.from({ length: 24 }, (_, i) => i),
  'a',
  'a long text which is cut out of another',
  '\u0000',
  [1, 'x'],
  { id: 7 },
  new Date(5),
  null,
  undefined,
  3n,
  // More than one in a group, and in some groups nothing before them.
  ...Array.from({ length: 16 }, (_, i) => [i >> 2, i & 3]),
  // What its digits give, added up, is another number.
  [713_464_442_741_309_800, 7],
]

/** An operation: the same on every store that it is called with. */
export type Operation = (store: StateStore) => void

export interface Held {
  readonly n: number[]
}

export function randomOperation(random: Random): Operation {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
  const key = pick(KEYS)
  const group = keyGroupOf(key, GROUPS)
  const mapKey = pick(KEYS.slice(16, 32))
  const n = Math.floor(random() * 1_000_000)
  const few = 1 + Math.floor(random() * 4)
  const options = pick([{}, WRITE, READ_WRITE] as const)
  const suffix = options === WRITE ? ' write' : options === READ_WRITE ? ' readWrite' : ''
  const value = pick([n, `text ${n}`, { n, at: new Date(n) }, [n, [n]], undefined, null, -0])
  const map = (store: StateStore) => store.map<unknown, unknown>(`map${suffix}`, options)
  const list = (store: StateStore) => store.list<unknown>(`list${suffix}`, options)
  const values = (store: StateStore) => store.value<unknown>(`value${suffix}`, options)
  const counts = (store: StateStore) => store.value<Held>('mutable', { mutable: true })
  const instants = (store: StateStore) => store.map<unknown, Held>('instants', { mutable: true })
  const timeMs = pick([5, 5, 7, 1e12, n])
  const name = pick(['', '', 'other'])
  const operations: readonly Operation[] = [
    (store) => values(store).set(group, key, value),
    (store) => values(store).set(group, key, value),
    (store) => values(store).get(group, key),
    (store) => values(store).delete(group, key),
    (store) => list(store).append(group, key, value),
    (store) => list(store).append(group, key, value),
    (store) => list(store).get(group, key),
    (store) => list(store).dropFirst(group, key, few),
    (store) => list(store).replace(group, key, [value, n]),
    (store) => list(store).delete(group, key),
    (store) => map(store).set(group, key, mapKey, value),
    (store) => map(store).set(group, key, mapKey, value),
    (store) => map(store).set(group, key, mapKey, value),
    (store) => map(store).get(group, key, mapKey),
    (store) => map(store).delete(group, key, mapKey),
    (store) => map(store).delete(group, key, mapKey),
    (store) => map(store).deleteAll(group, key),
    (store) => store.reducing<number>('sum', (a, b) => a + b).add(group, key, n),
    (store) => store.single('single').set(value),
    (store) => random.length === 0 && n % 5 === 0 && store.single('single').clear(),
    (store) => store.operatorList('dealt').append(value),
    (store) => n % 20 === 0 && store.operatorList('dealt').replace([n, value]),
    (store) => n % 20 === 1 && store.operatorList('dealt').clear(),
    (store) => store.broadcast('rules').set(mapKey, value),
    (store) => store.broadcast('rules').delete(mapKey),
    (store) => n % 20 === 0 && store.broadcast('rules').clear(),
    (store) => store.timers('timers').register(group, key, timeMs, name),
    (store) => store.timers('timers').register(group, key, timeMs, name),
    (store) => store.timers('timers').delete(group, key, timeMs, name),
    (store) => store.timers('timers').takeDue(7),
    (store) => n % 20 === 0 && store.timers('timers').clear(),
    (store) => n % 40 === 0 && values(store).clear(),
    (store) => n % 40 === 0 && map(store).clear(),
    (store) => n % 40 === 0 && list(store).clear(),
    (store) => store.sweep(20),
    (store) => {
      const held = counts(store).get(group, key) ?? { n: [] }
      held.n.push(n)
      counts(store).set(group, key, held)
    },
    (store) => {
      for (const [each, held] of counts(store).entries()) {
        held.n[0] = n
        if (each === 3) break
      }
    },
    (store) => counts(store).delete(group, key),
    (store) => {
      const held = instants(store).get(group, key, mapKey) ?? { n: [] }
      held.n.push(n)
      instants(store).set(group, key, mapKey, held)
    },
    (store) => instants(store).deleteAll(group, key),
  ]
  return pick(operations)
}

/** All that a store holds, in an order that does not depend on how it came there. */
export function contentOf(store: StateStore): Readonly<Record<string, readonly unknown[]>> {
  const content: Record<string, readonly unknown[]> = {}
  for (const { name, kind, walk } of (store as unknown as SnapshotSource).states()) {
    const rows: { at: number; text: string }[] = []
    const put = (_group: number, key: unknown, record: unknown, timeMs: number): void => {
      if (kind === 'list' || kind === 'operatorList') {
        const { at, value } = record as ElementRecord
        rows.push({ at, text: show([key, value, timeMs]) })
      } else if (kind === 'map' || kind === 'broadcast') {
        const { key: mapKey, at, value } = record as EntryRecord
        rows.push({ at, text: show([key, mapKey, value, timeMs]) })
      } else if (kind === 'timers') {
        const { name: timer, at } = record as TimerRecord
        rows.push({ at, text: show([timeMs, key, timer]) })
      } else rows.push({ at: 0, text: show([key, record, timeMs]) })
    }
    const into = { put, dropGroup() {}, dropKey() {}, dropPart() {} }
    const steps = walk(into, null, unpaced())
    while (steps.next().done !== true);
    const keyOf = (text: string) => (kind === 'timers' ? text.split('|')[0]! : text.split('¦')[0]!)
    rows.sort(
      (a, b) => compare(keyOf(a.text), keyOf(b.text)) || a.at - b.at || compare(a.text, b.text),
    )
    if (rows.length > 0) content[name] = rows.map(({ text }) => text)
  }
  return content
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Exact: tells undefined, -0, dates and texts apart; the first part is what rows are sorted by. */
export function show([first, ...rest]: readonly unknown[]): string {
  return [first, '¦', ...rest].map(showOne).join('|')
}

function showOne(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(showOne).join(',')}]`
  if (value instanceof Date) return `Date ${value.getTime()}`
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([name, part]) => `${name}:${showOne(part)}`)
    return `{${fields.join(',')}}`
  }
  return Object.is(value, -0) ? '-0' : `${typeof value} ${String(value)}`
}
