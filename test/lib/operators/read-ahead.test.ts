/** What reads rows ahead before an operator: order, and what it waits for. */
import t from 'tap'
import { openChain } from '../../../lib/operators/chain.js'
import { readAhead } from '../../../lib/operators/read-ahead.js'
import { BARRIER, batch, end, type Signal, WATERMARK } from '../../../lib/operators/signal.js'

function open() {
  const said: string[] = []
  const asked: { readonly keys: readonly unknown[]; land(): void; isDone: boolean }[] = []
  const gate = { writable: true, woken: 0 }
  const nothing = new Set<unknown>()
  const state = () => ({
    readAhead(_groups: Uint16Array, keys: readonly unknown[]) {
      if (keys.every((key) => nothing.has(key))) return null
      let land = () => {}
      const landed = new Promise<void>((resolve) => {
        land = resolve
      })
      const one = { keys, land, isDone: false }
      asked.push(one)
      return {
        landed,
        done: () => {
          one.isDone = true
        },
      }
    },
  })
  const say = (signal: Signal) =>
    void said.push('records' in signal ? `batch ${signal.records}` : `mark ${signal.tag}`)
  const chain = openChain(
    [(view, wake) => readAhead({ gate: view, wake, maxParallelism: 8, state })],
    {
      get writable() {
        return gate.writable
      },
      write: say,
      signal: say,
    },
    { onWake: () => void gate.woken++, onFailure: (error) => t.fail(String(error)) },
  )
  const give = (n: number) => chain.push(batch([n], [n]))
  const land = async (i: number) => {
    asked[i]!.land()
    await Promise.resolve()
    await Promise.resolve()
  }
  return { said, asked, gate, nothing, chain, give, land }
}

const watermark = { tag: WATERMARK, timeMs: 5 } as const
const barrier = { tag: BARRIER, round: 1, full: false } as const

t.test('the rows of one batch are read while the one before is worked on', async (t) => {
  const { said, asked, gate, chain, give, land } = open()
  give(1)
  t.same(said, [])
  t.equal(chain.blocked, false, 'another may come')
  give(2)
  t.same(
    asked.map(({ keys }) => keys),
    [[1], [2]],
  )
  t.equal(chain.blocked, true, 'and no third one')
  await land(0)
  t.equal(gate.woken, 1)
  t.equal(chain.drain(), true)
  t.same(said, ['batch 1'])
  t.same(
    asked.map(({ isDone }) => isDone),
    [true, false],
  )
  await land(1)
  t.equal(chain.drain(), true)
  t.same(said, ['batch 1', 'batch 2'])
})

t.test('marks keep their place, and nothing follows a barrier or the end', async (t) => {
  const { said, nothing, chain, give, land } = open()
  chain.push(watermark)
  t.same(said, [`mark ${WATERMARK}`], 'where nothing is held it passes')
  give(1)
  chain.push(watermark)
  t.equal(chain.blocked, false)
  chain.push(barrier)
  t.equal(chain.blocked, true)
  t.equal(chain.drain(), false)
  await land(0)
  t.equal(chain.drain(), true)
  t.same(said.slice(1), ['batch 1', `mark ${WATERMARK}`, `mark ${BARRIER}`])
  nothing.add(2)
  give(2)
  t.same(said.slice(4), ['batch 2'], 'what misses nothing does not wait')
  give(3)
  give(2)
  t.equal(said.length, 5)
  await land(1)
  chain.drain()
  t.same(said.slice(5), ['batch 3', 'batch 2'])
  give(4)
  chain.push(end)
  t.equal(chain.blocked, true)
  await land(2)
  t.equal(chain.drain(), true)
  t.same(said.slice(7), ['batch 4', 'mark 4'])
})

t.test('the gate holds what is ready, and what is cancelled is forgotten', async (t) => {
  const { said, asked, gate, chain, give, land } = open()
  give(1)
  gate.writable = false
  await land(0)
  t.equal(chain.drain(), false)
  chain.close()
  t.same(said, [])
  t.equal(asked[0]!.isDone, true)
})
