import fc from 'fast-check'
import t from 'tap'
import { Epochs } from '../../../lib/base/epochs.js'
import { type CanonicalKey, canonicalKey, isEscaped, isPairForm } from '../../../lib/base/key.js'
import { frozenEntries } from '../../../lib/state/frozen-table.js'
import { createHeapState } from '../../../lib/state/heap-state.js'
import { KeyTable } from '../../../lib/state/key-table.js'
import { PairMap } from '../../../lib/state/pair-map.js'
import { changesSince, isWholeSince } from '../../../lib/state/table-changes.js'
import { TableKeys } from '../../../lib/state/table-keys.js'
import { ABSENT } from '../../../lib/state/table-values.js'
import type { TableWorld } from '../../../lib/state/table-world.js'
import { isTextPair, TextPairs } from '../../../lib/state/text-pairs.js'
import { testSeed } from '../../support/test-seed.js'

fc.configureGlobal({ seed: testSeed() })

const range = (count: number): readonly number[] => [...Array(count).keys()]

const LONG = 'a text that is long enough to be a view of another'
const texts = fc.constantFrom(
  '',
  'a',
  'b',
  'c',
  '1',
  '\u0000',
  'é漢',
  '\ud800',
  LONG,
  'x'.repeat(200),
)
const numbers = fc.oneof(
  fc.nat(4),
  fc.constantFrom(-0, -1, 0.5, 2 ** 31, 2 ** 34 - 1, 2 ** 34, 2 ** 52, 2 ** 52 + 1, Number.NaN),
)
const parts = fc.oneof(texts, numbers)
const keys = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(texts, numbers) },
  { weight: 2, arbitrary: fc.tuple(parts, parts) },
  { weight: 1, arbitrary: fc.oneof(parts, fc.tuple(parts), fc.tuple(texts, numbers, parts)) },
)

t.test(
  'forms tell keys apart exactly as canonical forms do, however few texts are taken up',
  async () => {
    fc.assert(
      fc.property(fc.array(keys, { maxLength: 40 }), fc.nat(5), (given, textsMax) => {
        const pairs = new TextPairs(new Epochs(), textsMax)
        const forms = new Map<unknown, unknown>()
        for (const key of [...given, ...structuredClone(given)]) {
          const form = pairs.formToSet(key)
          if (!Object.is(pairs.formOf(structuredClone(key)), form)) return false
          const canonical = canonicalKey(key)
          if (forms.has(form) && !Object.is(forms.get(form), canonical)) return false
          forms.set(form, canonical)
          const spelled = pairs.keyOf(form)
          if (spelled !== undefined && !Object.is(canonicalKey(spelled), canonical)) return false
          if (spelled === undefined && !Object.is(form, canonical)) return false
        }
        return forms.size === new Set(forms.values()).size
      }),
      { numRuns: 2000 },
    )
  },
)

t.test(
  'a short text with a whole number has a number for its form, as long as there is room',
  async (t) => {
    const pairs = new TextPairs(new Epochs(), 2)
    for (const key of [
      ['a', 0],
      [LONG, 2 ** 34 - 1],
      ['a', 7],
    ] as const) {
      const form = pairs.formToSet(key) as number
      t.ok(isPairForm(form) && isEscaped(form), `${form}`)
      t.same(pairs.keyOf(form), key)
    }
    t.same(pairs.keyOf(pairs.formToSet(['a', -0])), ['a', 0], 'the same key')
    t.type(pairs.formToSet(['one too many', 7]), 'string')
    t.type(pairs.formToSet(['a', 8]), 'number', 'those that are taken up go on')
    for (const key of [
      ['x'.repeat(129), 1],
      ['a', 2 ** 34],
      ['a', -1],
      ['a', 0.5],
      [1, 'a'],
      ['a'],
    ]) {
      t.notOk(isTextPair(key))
      t.type(new TextPairs(new Epochs()).formToSet(key), 'string')
    }
  },
)

t.test('a table keeps such keys beside others, in order of insertion', async (t) => {
  const all = [['a', 1], ['b', 1], 'a', ['a', 2], { a: 1 }, [1, 2], ['c', 3], ['a', 1.5], 2 ** 52]
  for (const textsMax of [0, 1, 2, 9]) {
    const table = new KeyTable<number>(
      undefined,
      new PairMap(),
      new TableKeys(new TextPairs(new Epochs(), textsMax)),
    )
    for (const [i, key] of all.entries()) table.set(structuredClone(key), i)
    t.same(
      [...table.entries()],
      all.map((key, i) => [key, i]),
    )
    for (const [i, key] of all.entries()) t.equal(table.get(structuredClone(key)), i)
    table.delete(['a', 1])
    table.delete(['c', 3])
    t.equal(table.has(['a', 1]), false)
    table.set(['c', 3], 10)
    t.same([...table.entries()].at(-1), [['c', 3], 10])
    t.equal(table.size, all.length - 1)
  }
})

t.test('state that was cleared takes such keys up anew', async (t) => {
  const values = createHeapState(128).value<number>('v')
  for (const round of [1, 2]) {
    for (let i = 0; i < 100; i++) values.set(i, [`text ${round * i}`, i], round)
    t.equal(values.size, 100)
    t.equal(values.get(50, [`text ${round * 50}`, 50]), round)
    values.clear()
    t.equal(values.size, 0)
    t.equal(values.get(50, [`text ${round * 50}`, 50]), undefined)
  }
})

t.test('looking keys up takes no text up', async (t) => {
  const pairs = new TextPairs(new Epochs())
  const table = new KeyTable<number>(undefined, new PairMap(), new TableKeys(pairs))
  table.set(['a', 1], 1)
  for (let i = 0; i < 100; i++) {
    t.equal(table.get([`text ${i}`, i]), undefined)
    t.notOk(table.has([`text ${i}`, i]))
    t.equal(table.own([`text ${i}`, i]), undefined)
    table.delete([`text ${i}`, i])
  }
  t.equal(pairs.size, 1)
  t.equal(table.get(['a', 1]), 1)
})

t.test('texts whose keys are gone are forgotten, and their numbers used again', async (t) => {
  const pairs = new TextPairs(new Epochs())
  const table = new KeyTable<number>(undefined, new PairMap(), new TableKeys(pairs))
  for (let i = 0; i < 20_000; i++) {
    table.set([`session ${i}`, i], i)
    if (i >= 100) table.delete([`session ${i - 100}`, i - 100])
  }
  t.ok(pairs.size < 1000, `${pairs.size} texts of 100 keys`)
  const highest = Math.max(
    ...range(100).map((i) => pairs.formOf([`session ${19_900 + i}`, 0]) as number),
  )
  t.ok(highest < 2 ** 52 + 1000 * 2 ** 34, 'numbers stay low')
  t.same(
    [...table.entries()],
    range(100).map((i) => [[`session ${19_900 + i}`, 19_900 + i], 19_900 + i]),
  )
  table.clear()
  for (let i = 0; i < 600; i++) {
    table.set([`another ${i}`, i], i)
    table.delete([`another ${i}`, i])
  }
  t.ok(pairs.size < 600, 'those of a table that was cleared, too')
})

t.test('a text that a snapshot needs is kept until it does not', async (t) => {
  const epochs = new Epochs()
  const pairs = new TextPairs(epochs)
  const table = new KeyTable<number>(worldOf(epochs), new PairMap(), new TableKeys(pairs))
  const churn = () => {
    for (let i = 0; i < 2000; i++) table.set([`text ${i}`, i], epochs.now)
    for (let i = 0; i < 2000; i++) table.delete([`text ${i}`, i])
  }
  epochs.now = 1
  churn()
  t.equal(pairs.size, 2000)
  epochs.now = 2
  epochs.needed = 2
  table.set(['a', 1], 1)
  t.equal(pairs.size, 1)
})

/** What a snapshot of a table takes, by key. */
type Taken = Map<CanonicalKey, number>

const worldOf = (epochs: Epochs, compares = false): TableWorld<number> => ({
  epochs,
  copy: null,
  note: null,
  compares,
  release: null,
  rows: null,
})

const steps = fc.array(
  fc.oneof(
    { weight: 10, arbitrary: fc.tuple(fc.constantFrom('set', 'delete', 'get'), fc.nat(30)) },
    { weight: 2, arbitrary: fc.tuple(fc.constantFrom('begin', 'end', 'walk'), fc.nat(9)) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom('clear'), fc.nat(1)) },
  ),
  { minLength: 20, maxLength: 300 },
)

/** Tables of one state, beside what they should hold, and what snapshots of them should. */
class Tables {
  readonly #epochs = new Epochs()
  readonly #tables: readonly KeyTable<number>[]
  readonly #now: Taken[] = [new Map(), new Map()]
  /** What the chain of snapshots holds, by table. */
  readonly #stored: Taken[] = [new Map(), new Map()]
  #frozen: readonly Taken[] = []
  #walk: Iterator<void> | null = null
  /** Of the snapshot before; 0: none. */
  #from = 0
  #value = 0
  readonly #pace = { left: 0 }

  constructor(textsMax: number, compares: boolean) {
    const pairs = new TextPairs(this.#epochs, textsMax, 1)
    const world = worldOf(this.#epochs, compares)
    this.#tables = [0, 1].map(
      () => new KeyTable<number>(world, new PairMap(), new TableKeys(pairs)),
    )
  }

  step(kind: string, n: number): boolean {
    const which = n % 2
    const key = [`text ${n >> 2}`, (n >> 1) % 2]
    const canonical = canonicalKey(key)
    const [table, now] = [this.#tables[which]!, this.#now[which]!]
    switch (kind) {
      case 'set':
        table.set(key, ++this.#value)
        now.set(canonical, this.#value)
        return true
      case 'delete':
        table.delete(key)
        now.delete(canonical)
        return true
      case 'get':
        return table.get(key) === now.get(canonical) && table.size === now.size
      case 'clear':
        table.clear()
        now.clear()
        return true
      case 'begin':
        if (this.#walk === null) this.#begin()
        return true
      case 'walk':
        return this.#walkOn(n)
      default:
        return this.#walkOn(Number.POSITIVE_INFINITY)
    }
  }

  get isRight(): boolean {
    return this.#tables.every((table, i) =>
      same(takenOf(table.entries() as Iterable<[unknown, number]>), this.#now[i]!),
    )
  }

  #begin(): void {
    this.#epochs.now++
    this.#epochs.reading = true
    this.#frozen = this.#now.map((each) => new Map(each))
    this.#walk = this.#walked()
  }

  *#walked(): Generator<void> {
    for (const [i, table] of this.#tables.entries()) {
      const stored = this.#stored[i]!
      const pace = this.#pace
      if (this.#from === 0 || isWholeSince(table, this.#from)) {
        stored.clear()
        yield* frozenEntries(
          table,
          (key, value) => {
            stored.set(canonicalKey(key), value)
            return null
          },
          pace,
        )
      } else
        yield* changesSince(
          table,
          this.#from,
          (key, _, value) => {
            if (value === ABSENT) stored.delete(canonicalKey(key))
            else stored.set(canonicalKey(key), value)
            return null
          },
          pace,
        )
    }
  }

  #walkOn(steps: number): boolean {
    for (let left = steps; left >= 0 && this.#walk !== null; left--) {
      this.#pace.left = 1
      if (this.#walk.next().done !== true) continue
      this.#walk = null
      this.#epochs.reading = false
      this.#from = this.#epochs.now
      this.#epochs.needed = this.#epochs.now
      return this.#stored.every((stored, i) => same(stored, this.#frozen[i]!))
    }
    return true
  }
}

const takenOf = (entries: Iterable<readonly [key: unknown, value: number]>): Taken =>
  new Map([...entries].map(([key, value]) => [canonicalKey(key), value]))

const same = (a: Taken, b: Taken): boolean =>
  a.size === b.size && [...a].every(([key, value]) => b.get(key) === value)

t.test('snapshots name the keys that were there, however soon numbers are used again', async () => {
  fc.assert(
    fc.property(steps, fc.constantFrom(2, 5, 100), fc.boolean(), (all, textsMax, compares) => {
      const tables = new Tables(textsMax, compares)
      return all.every(([kind, n]) => tables.step(kind, n)) && tables.isRight
    }),
    { numRuns: 3000 },
  )
})
