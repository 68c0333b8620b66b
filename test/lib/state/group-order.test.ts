/** The order in which a batch's keys are asked for. */
import t from 'tap'
import { groupOrder } from '../../../lib/state/group-order.js'

t.test('positions of one group lie together, in their order', async (t) => {
  t.same([...groupOrder(Uint16Array.of(3, 0, 7, 3, 0, 3), 8)], [1, 4, 0, 3, 5, 2])
  t.same([...groupOrder(new Uint16Array(0), 8)], [])
  t.same(
    [...groupOrder(Uint16Array.of(3, 0, 7, 3, 0, 3), 32_768)],
    [1, 4, 0, 3, 5, 2],
    'few of many',
  )
})
