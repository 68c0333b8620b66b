import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import { deepFreeze } from '../../../lib/operators/freeze.js'
import { createHeapState } from '../../../lib/state/heap-state.js'
import { stateConformance } from '../../conformance/state.js'
import { disturbed } from '../../support/disturbed-state.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed()

t.test('the heap backend keeps the laws of state', (t) => stateConformance(t, createHeapState))

t.test('it keeps them whatever snapshots begin, go on, end and fail meanwhile', async (t) => {
  const random = seededRandom(SEED)
  await stateConformance(t, (groups, options) =>
    disturbed(createHeapState(groups, options), random),
  )
})

t.test('a key cut out of a big string does not keep that string', async (t) => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const chunk = (i: number) => Buffer.alloc(65_536, `${i}-`).toString('latin1')
  const heldBytes = (makeKey: (text: string) => unknown): number => {
    const state = createHeapState(8).value<number>('n')
    gc()
    const before = process.memoryUsage()
    for (let i = 0; i < 400; i++) state.set(i % 8, makeKey(chunk(i).slice(40, 64 + i)), i)
    gc()
    const after = process.memoryUsage()
    t.equal(state.size, 400)
    return after.heapUsed + after.external - before.heapUsed - before.external
  }
  t.ok(heldBytes((text) => text) < 2_000_000)
  t.ok(heldBytes((text) => [text, 1]) < 2_000_000)
})

t.test(
  'values are frozen when they are handed over, but for those the operator changes',
  async (t) => {
    const store = createHeapState(8, { freeze: deepFreeze })
    const handedOver = (): { n: number }[] => [{ n: 1 }]
    store.value<object>('v').set(0, 'a', handedOver())
    store.list<object>('l').append(0, 'a', handedOver())
    store.list<object>('l').replace(0, 'b', [handedOver()])
    store.map<string, object>('m').set(0, 'a', 'x', handedOver())
    store.single<object>('s').set(handedOver())
    store.operatorList<object>('o').append(handedOver())
    store.broadcast<string, object>('b').set('x', handedOver())
    store.value<object>('t', { ttl: { ms: 5, update: 'write' } }).set(0, 'a', handedOver())
    const frozen = [
      store.value('v').get(0, 'a'),
      store.list('l').get(0, 'a')[0],
      store.list('l').get(0, 'b')[0],
      store.map('m').get(0, 'a', 'x'),
      store.single('s').get(),
      store.operatorList('o').get()[0],
      store.broadcast('b').get('x'),
      store.value('t', { ttl: { ms: 5, update: 'write' } }).get(0, 'a'),
    ] as { n: number }[][]
    for (const value of frozen) t.ok(Object.isFrozen(value) && Object.isFrozen(value[0]))
    const own = store.value<{ n: number }[]>('own', { mutable: true })
    own.set(0, 'a', handedOver())
    t.notOk(Object.isFrozen(own.get(0, 'a')))
  },
)

t.test('a count per key takes less than 400 bytes of heap', async (t) => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const keys = 200_000
  const keyOf: readonly ((i: number) => unknown)[] = [
    (i) => i,
    (i) => `customer-${String(i).padStart(20, '0')}`,
    (i) => [i % 100, `page${i}`],
  ]
  for (const [which, make] of keyOf.entries()) {
    const state = createHeapState(128).value<number>('count')
    gc()
    const before = process.memoryUsage()
    for (let i = 0; i < keys; i++) state.set(i % 128, make(i), i)
    gc()
    const after = process.memoryUsage()
    const bytes = (after.heapUsed + after.external - before.heapUsed - before.external) / keys
    t.ok(bytes < 400, `${Math.round(bytes)} bytes for keys of kind ${which}`)
    t.equal(state.size, keys)
  }
})
