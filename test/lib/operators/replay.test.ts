/** Records in flight, given to an operator in the middle of a chain before anything else. */
import t from 'tap'
import { openChain } from '../../../lib/operators/chain.js'
import { replay } from '../../../lib/operators/replay.js'
import { batch, end, type Signal, WATERMARK } from '../../../lib/operators/signal.js'

function chainOf(timeMs: number | null, records: readonly number[]) {
  const said: Signal[] = []
  const state = { writable: true, woken: 0 }
  const chain = openChain(
    [
      (gate, wake) =>
        replay(
          gate,
          wake,
          records.map((n) => batch([n])),
          timeMs,
        ),
    ],
    {
      get writable() {
        return state.writable
      },
      write: (signal) => void said.push(signal),
      signal: (signal) => void said.push(signal),
    },
    { onWake: () => void state.woken++, onFailure: (error) => t.fail(String(error)) },
  )
  return { chain, said, state }
}

t.test(
  'gives the records behind the watermark that was reached, and asks for its turn',
  async (t) => {
    const { chain, said, state } = chainOf(50, [1, 2])
    t.equal(state.woken, 1)
    t.equal(chain.blocked, true, 'nothing else comes before them')
    t.equal(chain.drain(), true)
    t.same(said, [{ tag: WATERMARK, timeMs: 50 }, batch([1]), batch([2])])
    chain.push({ tag: WATERMARK, timeMs: 40 })
    chain.push({ tag: WATERMARK, timeMs: 60 })
    chain.push(batch([3]))
    chain.push(end)
    t.same(said.slice(3), [{ tag: WATERMARK, timeMs: 60 }, batch([3]), end], 'no time goes back')
  },
)

t.test('waits while the gate is closed, and keeps its place', async (t) => {
  const { chain, said, state } = chainOf(null, [1, 2])
  state.writable = false
  t.equal(chain.drain(), false)
  t.same(said, [])
  state.writable = true
  t.equal(chain.drain(), true)
  t.same(said, [batch([1]), batch([2])])
})

t.test('with nothing to give it is not there', async (t) => {
  const { chain, said, state } = chainOf(5, [])
  t.equal(state.woken, 0)
  t.equal(chain.blocked, false)
  chain.push(batch([1]))
  t.same(said, [batch([1])])
})
