/** What `checkpoint` may say of alignment. */
import t from 'tap'
import { run } from '../../actors/index.js'
import { generate, results } from '../../lib/connectors/index.js'
import { pipeline } from '../../lib/index.js'

const nothing = () =>
  pipeline('nothing', (flow) => void flow.from(generate(1, (n) => n)).to(results()))

const refused = (checkpoint: object) =>
  run(nothing(), { checkpoint: { directory: 'nowhere', ...checkpoint } } as never).done

t.test('unaligned rounds come one at a time', async (t) => {
  const expected = { code: 'E_BAD_ARGUMENT', message: /maxConcurrent/ }
  await t.rejects(refused({ mode: 'unaligned', maxConcurrent: 2 }), expected)
  await t.rejects(refused({ alignmentTimeout: '1s', maxConcurrent: 2 }), expected)
})

t.test('an alignment timeout belongs to aligned rounds', async (t) => {
  const expected = { code: 'E_BAD_ARGUMENT', message: /alignmentTimeout/ }
  await t.rejects(refused({ mode: 'unaligned', alignmentTimeout: '1s' }), expected)
  await t.rejects(refused({ mode: 'at-least-once', alignmentTimeout: '1s' }), expected)
  await t.rejects(refused({ alignmentTimeout: 0 }), { message: /alignmentTimeout/ })
  await t.rejects(refused({ mode: 'sideways' }), { message: /aligned, unaligned, at-least-once/ })
})
