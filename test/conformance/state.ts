/** The laws of the state contract, as a function of the backend. */
import type { Test } from 'tap'
import { keyGroupOf } from '../../lib/base/key.js'
import { seededRandom } from '../../lib/base/random.js'
import type { StateStore } from '../../lib/state/state.js'

const GROUPS = 8
const groupOf = (key: unknown): number => keyGroupOf(key, GROUPS)

/** Makes an empty store; `wallTime` is the clock of times to live. */
export type CreateStore = (groups: number, options?: { wallTime: () => number }) => StateStore

/** Checks one backend. */
export async function stateConformance(t: Test, create: CreateStore) {
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

  t.test('what is kept is counted: keys, elements, entries of maps, timers', async (t) => {
    for (const ttl of [undefined, { ms: 1000, update: 'write' }] as const) {
      const store = create(GROUPS)
      const options = ttl === undefined ? {} : { ttl }
      t.equal(store.countEntries(), 0)
      store.value('value', options).set(0, 'a', 1)
      store.list('list', options).replace(0, 'a', [1, 2, 3])
      const map = store.map('map', options)
      for (let i = 0; i < 4; i++) map.set(i, 'a', i % 2, 1)
      t.equal(store.countEntries(), 1 + 3 + 4)
      store.reducing<number>('reducing', (a, b) => a + b, options).add(0, 'a', 1)
      store.single('single').set(undefined)
      store.single('nothing')
      store.operatorList('dealt').replace([1, 2])
      store.broadcast('same').set('a', 1)
      store.timers('timers').register(0, 'a', 5)
      t.equal(store.countEntries(), 8 + 1 + 1 + 2 + 1 + 1)
    }
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

  t.test('names are apart, and one name is one state', async (t) => {
    const store = create(GROUPS)
    store.value<number>('a').set(groupOf('k'), 'k', 1)
    store.single<number>('s').set(2)
    t.equal(store.value<number>('a').get(groupOf('k'), 'k'), 1)
    t.equal(store.value<number>('b').get(groupOf('k'), 'k'), undefined)
    t.equal(store.single<number>('s').get(), 2)
    t.equal(store.single<number>('other').get(), undefined)
  })

  t.test('a name declared as another kind or with another TTL is refused', async (t) => {
    const store = create(GROUPS)
    store.value('a')
    store.list('b', { ttl: { ms: 5, update: 'write' } })
    const refused: (() => unknown)[] = [
      () => store.list('a'),
      () => store.map('a'),
      () => store.reducing('a', (x) => x),
      () => store.single('a'),
      () => store.operatorList('a'),
      () => store.broadcast('a'),
      () => store.timers('a'),
      () => store.value('a', { ttl: { ms: 5, update: 'write' } }),
      () => store.list('b'),
      () => store.list('b', { ttl: { ms: 5, update: 'readWrite' } }),
    ]
    for (const declare of refused) t.throws(declare, { code: 'E_STATE_NAME' })
    t.doesNotThrow(() => store.list('b', { ttl: { ms: 5, update: 'write' } }))
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

  listLaws(t, create)
  mapLaws(t, create)
  foldingLaws(t, create)
  subtaskLaws(t, create)
  timeToLiveLaws(t, create)
}

function listLaws(t: Test, create: CreateStore): void {
  t.test('a list has what was appended, in order, per key', async (t) => {
    const list = create(GROUPS).list<number>('l')
    const [a, b] = [groupOf('a'), groupOf([1])]
    t.same(list.get(a, 'a'), [])
    t.equal(list.length(a, 'a'), 0)
    for (let i = 0; i < 5; i++) list.append(a, 'a', i)
    list.append(b, [1], 9)
    t.same(list.get(a, 'a'), [0, 1, 2, 3, 4])
    t.equal(list.length(a, 'a'), 5)
    t.same(
      new Map(list.entries()),
      new Map<unknown, number[]>([
        ['a', [0, 1, 2, 3, 4]],
        [[1], [9]],
      ]),
    )
    t.equal(list.size, 2)
  })

  t.test('a list is a queue: what is dropped first was appended first', async (t) => {
    const list = create(GROUPS).list<number>('l')
    const group = groupOf('a')
    const random = seededRandom(11)
    const model: number[] = []
    for (let step = 0; step < 3000; step++) {
      if (random() < (step % 600 < 300 ? 0.8 : 0.3)) {
        list.append(group, 'a', step)
        model.push(step)
      } else {
        const count = 1 + Math.floor(random() * 3)
        list.dropFirst(group, 'a', count)
        model.splice(0, count)
      }
      if (list.first(group, 'a') !== model[0]) t.fail(`first at step ${step}`)
      if (list.length(group, 'a') !== model.length) t.fail(`length at step ${step}`)
      if (random() < 0.02) t.same(list.get(group, 'a'), model)
    }
    t.same(list.get(group, 'a'), model)
  })

  t.test(
    'a list is replaced by a copy, shortened from its old end, and gone when empty',
    async (t) => {
      const list = create(GROUPS).list<number>('l')
      const group = groupOf('a')
      const given = [1, 2, 3]
      list.replace(group, 'a', given)
      given.push(4)
      t.same(list.get(group, 'a'), [1, 2, 3])
      list.dropFirst(group, 'a', 2)
      t.same(list.get(group, 'a'), [3])
      list.dropFirst(group, 'a', 5)
      t.same(list.get(group, 'a'), [])
      t.equal(list.size, 0)
      list.append(group, 'a', 1)
      list.replace(group, 'a', [])
      t.equal(list.size, 0)
      list.append(group, 'a', 1)
      list.delete(group, 'a')
      t.same([...list.entries()], [])
      list.append(group, 'a', 1)
      list.clear()
      t.equal(list.length(group, 'a'), 0)
    },
  )
}

function mapLaws(t: Test, create: CreateStore): void {
  t.test('a map has entries per key, with keys compared as stream keys are', async (t) => {
    const map = create(GROUPS).map<unknown, number>('m')
    const group = groupOf('a')
    for (const [i, mapKey] of [1, '1', [1], { x: 1 }, null].entries()) {
      map.set(group, 'a', mapKey, i)
    }
    t.equal(map.get(group, 'a', [1]), 2)
    t.equal(map.get(group, 'a', { x: 1 }), 3)
    t.equal(map.has(group, 'a', null), true)
    t.equal(map.has(group, 'a', undefined), false)
    t.equal(map.get(groupOf('b'), 'b', 1), undefined)
    t.equal(map.count(group, 'a'), 5)
    t.same(
      [...map.entries(group, 'a')],
      [
        [1, 0],
        ['1', 1],
        [[1], 2],
        [{ x: 1 }, 3],
        [null, 4],
      ],
    )
    t.same([...map.keys()], ['a'])
    t.equal(map.size, 1)
  })

  t.test('a map without entries is no map', async (t) => {
    const map = create(GROUPS).map<string, number>('m')
    const group = groupOf('a')
    map.set(group, 'a', 'x', 1)
    map.set(group, 'a', 'y', 1)
    map.delete(group, 'a', 'x')
    map.delete(group, 'a', 'never')
    t.equal(map.count(group, 'a'), 1)
    map.delete(group, 'a', 'y')
    t.equal(map.size, 0)
    t.same([...map.keys()], [])
    map.set(group, 'a', 'x', 1)
    map.deleteAll(group, 'a')
    t.same([...map.entries(group, 'a')], [])
    map.set(group, 'a', 'x', 1)
    map.clear()
    t.equal(map.size, 0)
  })

  t.test('other entries of a map may be set and deleted while it is read', async (t) => {
    const map = create(GROUPS).map<number, number>('m')
    const group = groupOf('a')
    for (let i = 0; i < 100; i++) map.set(group, 'a', i, i)
    let seen = 0
    for (const [mapKey] of map.entries(group, 'a')) {
      seen++
      if (mapKey < 50) map.delete(group, 'a', mapKey + 50)
      map.set(group, 'a', mapKey, -1)
    }
    t.equal(seen, 50)
  })
}

type Mean = readonly [sum: number, n: number]

function foldingLaws(t: Test, create: CreateStore): void {
  t.test('a reducing state begins with the first value, and again after a delete', async (t) => {
    const sums = create(GROUPS).reducing<number>('r', (a, b) => a + b)
    const group = groupOf('a')
    t.equal(sums.get(group, 'a'), undefined)
    for (const value of [5, 6]) sums.add(group, 'a', value)
    t.equal(sums.get(group, 'a'), 11)
    t.same([...sums.entries()], [['a', 11]])
    sums.delete(group, 'a')
    t.equal(sums.has(group, 'a'), false)
    sums.add(group, 'a', 1)
    t.equal(sums.get(group, 'a'), 1)
    t.equal(sums.size, 1)
    sums.clear()
    t.equal(sums.size, 0)
  })

  t.test('an aggregating state gives the result of its accumulator', async (t) => {
    const store = create(GROUPS)
    const mean = store.aggregating('m', {
      begin: (x: number): Mean => [x, 1],
      add: ([sum, n]: Mean, x): Mean => [sum + x, n + 1],
      result: ([sum, n]) => sum / n,
    })
    const group = groupOf('a')
    t.equal(mean.get(group, 'a'), undefined)
    for (const value of [1, 2, 6]) mean.add(group, 'a', value)
    t.equal(mean.get(group, 'a'), 3)
    t.equal(mean.has(group, 'a'), true)
    t.same([...mean.entries()], [['a', 3]])
    mean.delete(group, 'a')
    t.equal(mean.size, 0)
  })

  t.test('what add throws leaves the state as it was', async (t) => {
    const sums = create(GROUPS).reducing<number>('r', (a, b) => {
      if (b < 0) throw new Error('negative')
      return a + b
    })
    sums.add(0, 'a', 1)
    t.throws(() => sums.add(0, 'a', -1))
    t.equal(sums.get(0, 'a'), 1)
  })
}

function subtaskLaws(t: Test, create: CreateStore): void {
  t.test('an operator list has its elements in order', async (t) => {
    const list = create(GROUPS).operatorList<string>('l')
    for (const value of ['a', 'b']) list.append(value)
    t.same(list.get(), ['a', 'b'])
    const given = ['c']
    list.replace(given)
    given.push('d')
    t.same(list.get(), ['c'])
    t.equal(list.length, 1)
    list.clear()
    t.equal(list.length, 0)
  })

  t.test('a broadcast state is one map', async (t) => {
    const rules = create(GROUPS).broadcast<unknown, number>('b')
    rules.set([1], 1)
    rules.set('x', 2)
    rules.set([1], 3)
    t.equal(rules.get([1]), 3)
    t.equal(rules.has('y'), false)
    t.same(
      [...rules.entries()],
      [
        [[1], 3],
        ['x', 2],
      ],
    )
    rules.delete([1])
    t.equal(rules.size, 1)
    rules.clear()
    t.equal(rules.size, 0)
  })
}

const WRITE = { ttl: { ms: 100, update: 'write' } } as const
const READ_WRITE = { ttl: { ms: 100, update: 'readWrite' } } as const

function timeToLiveLaws(t: Test, create: CreateStore): void {
  const at = (options: typeof WRITE | typeof READ_WRITE) => {
    const world = { nowMs: 1_000 }
    const store = create(GROUPS, { wallTime: () => world.nowMs })
    return {
      world,
      store,
      value: store.value<number>('v', options),
      list: store.list<number>('l', options),
      map: store.map<string, number>('m', options),
      sum: store.reducing<number>('r', (a, b) => a + b, options),
    }
  }

  t.test('an entry lives its time from the last write, whatever is read', async (t) => {
    const { world, value, list, map, sum } = at(WRITE)
    value.set(0, 'a', 1)
    list.append(0, 'a', 1)
    map.set(0, 'a', 'x', 1)
    sum.add(0, 'a', 1)
    world.nowMs += 60
    list.append(0, 'a', 2)
    map.set(0, 'a', 'y', 2)
    sum.add(0, 'a', 1)
    world.nowMs += 39
    t.equal(value.get(0, 'a'), 1)
    t.same(list.get(0, 'a'), [1, 2])
    t.equal(map.count(0, 'a'), 2)
    world.nowMs += 1
    t.equal(value.get(0, 'a'), undefined)
    t.equal(value.has(0, 'a'), false)
    t.same([...value.entries()], [])
    t.same(list.get(0, 'a'), [2])
    t.equal(list.length(0, 'a'), 1)
    t.same([...list.entries()], [['a', [2]]])
    t.equal(map.get(0, 'a', 'x'), undefined)
    t.equal(map.count(0, 'a'), 1)
    t.same([...map.entries(0, 'a')], [['y', 2]])
    t.equal(sum.get(0, 'a'), 2)
    world.nowMs += 60
    t.same(list.get(0, 'a'), [])
    t.same([...list.entries()], [])
    t.same([...map.entries(0, 'a')], [])
    t.same([...map.keys()], [])
    t.equal(sum.has(0, 'a'), false)
    sum.add(0, 'a', 7)
    t.equal(sum.get(0, 'a'), 7)
  })

  t.test('with readWrite, reading begins a life anew', async (t) => {
    const { world, value, list, map } = at(READ_WRITE)
    value.set(0, 'a', 1)
    list.append(0, 'a', 1)
    map.set(0, 'a', 'x', 1)
    map.set(0, 'a', 'y', 1)
    for (let i = 0; i < 5; i++) {
      world.nowMs += 99
      t.equal(value.get(0, 'a'), 1)
      t.same(list.get(0, 'a'), [1])
      t.equal(map.get(0, 'a', 'x'), 1)
    }
    t.equal(map.has(0, 'a', 'y'), false)
    world.nowMs += 100
    t.equal(value.get(0, 'a'), undefined)
    t.same(list.get(0, 'a'), [])
    t.equal(map.get(0, 'a', 'x'), undefined)
  })

  t.test('keys that never come again are swept while others come, a few at a time', async (t) => {
    const { world, value, list, map } = at(WRITE)
    for (let key = 0; key < 2_000; key++) {
      value.set(groupOf(key), key, 1)
      list.append(groupOf(key), key, 1)
      map.set(groupOf(key), key, 'x', 1)
    }
    world.nowMs += 100
    for (let i = 0; i < 2_000; i++) {
      value.set(0, 'other', 1)
      list.replace(0, 'other', [1])
      map.set(0, 'other', 'x', 1)
    }
    t.same([value.size, list.size, map.size], [1, 1, 1])
  })

  t.test('an explicit sweep removes what has expired without any access', async (t) => {
    const { world, store, value, list, map } = at(READ_WRITE)
    for (let key = 0; key < 100; key++) {
      value.set(groupOf(key), key, 1)
      list.append(groupOf(key), key, 1)
      map.set(groupOf(key), key, 'x', 1)
    }
    t.equal(store.sweep(), true)
    t.same([value.size, list.size, map.size], [100, 100, 100])
    world.nowMs += 100
    store.sweep(10)
    t.equal(value.size, 90)
    store.sweep()
    t.equal(store.sweep(), false)
    t.same([value.size, list.size, map.size], [0, 0, 0])
  })

  t.test('a sweep under way spares what was deleted and set again', async (t) => {
    const { world, store, value, list, map } = at(WRITE)
    const fill = () => {
      for (let key = 0; key < 50; key++) {
        value.set(groupOf(key), key, 1)
        list.append(groupOf(key), key, 1)
        map.set(0, 'all', `${key}`, 1)
      }
    }
    fill()
    world.nowMs += 100
    store.sweep(20)
    value.clear()
    list.clear()
    map.deleteAll(0, 'all')
    fill()
    store.sweep()
    store.sweep()
    t.same([value.size, list.size, map.count(0, 'all')], [50, 50, 50])
  })

  t.test('what was swept may be set while a sweep is under way', async (t) => {
    const { world, store, value } = at(WRITE)
    for (let key = 0; key < 50; key++) value.set(groupOf(key), key, 1)
    world.nowMs += 100
    store.sweep(20)
    for (let key = 0; key < 50; key++) value.set(groupOf(key), key, 2)
    store.sweep()
    t.equal(value.size, 50)
    t.equal(value.get(groupOf(7), 7), 2)
  })
}
