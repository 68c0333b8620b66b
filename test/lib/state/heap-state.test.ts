import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { createHeapState } from '../../../lib/state/heap-state.js'
import { stateConformance } from '../../conformance/state.js'

t.test('the heap backend keeps the laws of state', (t) => stateConformance(t, createHeapState))

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
