/** The laws of the state contract, as a function of the backend. */
import type { Test } from 'tap'
import { keyGroupOf } from '../../lib/base/key.js'
import type { StateStore } from '../../lib/state/state.js'

const GROUPS = 8
const groupOf = (key: unknown): number => keyGroupOf(key, GROUPS)

/** Checks one backend; `create` makes an empty store of 8 key groups. */
export async function stateConformance(t: Test, create: (groups: number) => StateStore) {
  t.test('a key has the value set last, until it is deleted', async (t) => {
    const state = create(GROUPS).value<number>('n')
    for (const key of [1, '1', 1n, true, null, undefined, 'a', '\u0000', -0.5, [1], { a: 1 }]) {
      const group = groupOf(key)
      t.equal(state.get(group, key), undefined)
      state.set(group, key, 1)
      state.set(group, key, 2)
      t.equal(state.get(group, key), 2)
      state.delete(group, key)
      t.equal(state.get(group, key), undefined)
      t.equal(state.has(group, key), false)
    }
    t.equal(state.size, 0)
  })

  t.test('keys of different types are kept apart, equal composite keys are one', async (t) => {
    const state = create(GROUPS).value<string>('n')
    const keys = [1, '1', 1n, true, [1], ['1'], { a: [new Date(0)] }, null, undefined]
    for (const key of keys) state.set(groupOf(key), key, typeof key)
    t.equal(state.size, keys.length)
    for (const key of keys) t.equal(state.get(groupOf(key), key), typeof key)
    t.equal(state.get(groupOf([1]), [1]), 'object')
    state.set(groupOf([1]), [1], 'again')
    t.equal(state.size, keys.length)
  })

  t.test('entries gives every key as it was first set, with its value', async (t) => {
    const state = create(GROUPS).value<number>('n')
    const keys = ['a', '\u0000b', 7, [1, 'x'], { at: new Date(3) }, null]
    keys.forEach((key, i) => {
      state.set(groupOf(key), key, i)
    })
    t.same(new Map(state.entries()), new Map(keys.map((key, i) => [key, i])))
    state.delete(groupOf([1, 'x']), [1, 'x'])
    t.equal([...state.entries()].length, keys.length - 1)
  })

  t.test('other keys may be set and deleted while entries are read', async (t) => {
    const state = create(GROUPS).value<number>('n')
    for (let key = 0; key < 100; key++) state.set(groupOf(key), key, key)
    const seen = new Set<unknown>()
    for (const [key] of state.entries()) {
      seen.add(key)
      const other = (key as number) + 50
      if (other < 100) state.delete(groupOf(other), other)
      state.set(groupOf(key), key, -1)
    }
    for (let key = 0; key < 50; key++) t.ok(seen.has(key) || seen.has(key - 50))
    t.ok(state.size >= 50)
  })

  t.test('a stored undefined differs from no value', async (t) => {
    const store = create(GROUPS)
    const state = store.value<undefined>('n')
    state.set(groupOf('a'), 'a', undefined)
    t.equal(state.has(groupOf('a'), 'a'), true)
    t.equal(state.has(groupOf('b'), 'b'), false)
    const single = store.single<undefined>('s')
    t.equal(single.has(), false)
    single.set(undefined)
    t.equal(single.has(), true)
  })

  t.test('names and kinds are apart, and one name is one state', async (t) => {
    const store = create(GROUPS)
    store.value<number>('a').set(groupOf('k'), 'k', 1)
    store.single<number>('a').set(2)
    t.equal(store.value<number>('a').get(groupOf('k'), 'k'), 1)
    t.equal(store.value<number>('b').get(groupOf('k'), 'k'), undefined)
    t.equal(store.single<number>('a').get(), 2)
    t.equal(store.single<number>('b').get(), undefined)
  })

  t.test('clear leaves nothing', async (t) => {
    const store = create(GROUPS)
    const state = store.value<number>('n')
    for (const key of ['a', [1], 2]) state.set(groupOf(key), key, 1)
    state.clear()
    t.equal(state.size, 0)
    t.same([...state.entries()], [])
    t.equal(state.get(groupOf('a'), 'a'), undefined)
    const single = store.single<number>('s')
    single.set(1)
    single.clear()
    t.equal(single.get(), undefined)
    t.equal(single.has(), false)
  })

  t.test('a key group outside the job is refused', async (t) => {
    const state = create(GROUPS).value<number>('n')
    t.throws(() => state.set(GROUPS, 'a', 1))
    t.throws(() => state.set(-1, 'a', 1))
  })

  t.test('what cannot be a key is refused', async (t) => {
    const state = create(GROUPS).value<number>('n')
    t.throws(() => state.set(0, new Map(), 1), { code: 'E_BAD_KEY' })
    t.equal(state.size, 0)
  })
}
