/** What the coordinator asks of the placement actor, and when. */
import t from 'tap'
import { SlotDesk } from '../../actors/coordinator/slot-desk.js'
import type { ActorRef } from '../../actors/kernel/ref.js'
import type { PlacementMessage } from '../../actors/placement/protocol.js'
import type { Calls } from '../../lib/transport/calls.js'

const WISH = { job: 'job', groups: [], labels: {}, policy: 'spread' } as never

function deskOf(callsOf: () => Calls<never> | null = () => null) {
  const asked: PlacementMessage[] = []
  let settle = () => {}
  const settled = new Promise<void>((resolve) => {
    settle = resolve
  })
  const placement = { control: (message: PlacementMessage) => asked.push(message) }
  const desk = new SlotDesk(placement as unknown as ActorRef<PlacementMessage>, {
    callsOf: callsOf as never,
    settled: () => settled,
  })
  const kinds = () => asked.map(({ kind }) => kind)
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
  return { desk, asked, kinds, settle, turn }
}

t.test('nothing is placed before it has settled', async (t) => {
  const { desk, kinds, settle, turn } = deskOf()
  desk.place('job/0/0', WISH, 1_000, () => {}).catch(() => {})
  await turn()
  t.same(kinds(), [])
  settle()
  await turn()
  t.same(kinds(), ['Wanted'])
})

t.test('what is released before it has settled is never asked for', async (t) => {
  const { desk, kinds, settle, turn } = deskOf()
  desk.place('job/0/0', WISH, 1_000, () => {}).catch(() => {})
  desk.released('job/0/0')
  settle()
  await turn()
  t.same(kinds(), ['Released'])
})

t.test('a wish is put again where its node has left, but not once it is released', async (t) => {
  const { desk, asked, kinds, settle, turn } = deskOf()
  settle()
  for (const ref of ['job/0/0', 'job/1/0']) desk.place(ref, WISH, 1_000, () => {}).catch(() => {})
  await turn()
  const [first, second] = asked.splice(0)
  desk.released('job/1/0')
  for (const each of [first, second]) if (each?.kind === 'Wanted') each.placed('gone')
  await turn()
  t.same(kinds(), ['Released', 'Wanted'])
})
