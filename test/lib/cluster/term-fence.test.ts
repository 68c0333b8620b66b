import t from 'tap'
import { TermFence } from '../../../lib/cluster/term-fence.js'

const start = (term: number, incarnation: string) => ({ term, incarnation })

function serving(term: number, incarnation: string): TermFence {
  const fence = new TermFence()
  fence.serve(start(term, incarnation))
  return fence
}

t.test('whoever comes first is served', async (t) => {
  t.doesNotThrow(() => new TermFence().check(start(1, 'a')))
})

t.test('a later term is served, and the one that was before no more', async (t) => {
  const fence = serving(3, 'a')
  t.doesNotThrow(() => fence.check(start(4, 'b')))
  fence.serve(start(4, 'b'))
  const older = {
    code: 'E_OLD_TERM',
    message: /of term 3; this node has served one of term 4.*stop/,
  }
  t.throws(() => fence.check(start(3, 'a')), older)
})

t.test('of two with one term the first keeps it', async (t) => {
  const fence = serving(3, 'a')
  const taken = { code: 'E_TERM_TAKEN', message: /of term 3, and so is another.*start the other/ }
  t.throws(() => fence.check(start(3, 'b')), taken)
  t.doesNotThrow(
    () => fence.check(start(3, 'a')),
    'connections of the first may be lost and made again',
  )
})

t.test('who was refused for its term is served when it is started again', async (t) => {
  const fence = serving(3, 'a')
  t.throws(() => fence.check(start(3, 'b')))
  t.doesNotThrow(() => fence.check(start(4, 'c')))
})
