/** What `checkpoint` may say of alignment, and what `restore` may name. */
import { existsSync } from 'node:fs'
import t from 'tap'
import { run } from '../../actors/index.js'
import { generate, results } from '../../lib/connectors/index.js'
import { pipeline } from '../../lib/index.js'

const nothing = () =>
  pipeline('nothing', (flow) => void flow.from(generate(1, (n) => n)).to(results()))

const refused = (checkpoint: object, options = {}) =>
  run(nothing(), { checkpoint: { directory: 'nowhere', ...checkpoint }, ...options } as never).done

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

t.test('what is restored is the latest, a number or a directory', async (t) => {
  for (const restore of ['', 0, -1, 1.5, null, true]) {
    await t.rejects(refused({}, { restore }), {
      code: 'E_BAD_ARGUMENT',
      message: `restore must be 'latest', the number of a snapshot, or the directory of a savepoint; it is ${JSON.stringify(restore)}`,
    })
  }
  t.notOk(existsSync('nowhere'), 'nothing was made')
})
