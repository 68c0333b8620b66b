/** What a client says of how a job is to run is checked before anything believes it. */
import t from 'tap'
import { checkSubmit, checkWatch } from '../../actors/coordinator/check-submit.js'

t.test('what is said of a savepoint is understood, or refused', async (t) => {
  const good = { restore: '/saved', transactions: 'discard', claim: true } as const
  t.doesNotThrow(() => checkSubmit(good))
  const wrong = [
    { restore: 7 },
    { transactions: 'lose' },
    { transactions: null },
    { claim: 'yes' },
    { allowDroppedState: 1 },
    { acceptDuplicates: 'no' },
  ]
  for (const options of wrong) {
    const [name] = Object.keys(options)
    const expected = { code: 'E_BAD_ARGUMENT', message: new RegExp(`submit: ${name} must be`) }
    t.throws(() => checkSubmit(options as never), expected, name)
  }
})

t.test('what is said of what is watched is understood, or refused', async (t) => {
  const good = { metrics: true, results: false, decides: false, after: { event: 0, failure: 3 } }
  t.doesNotThrow(() => checkWatch(good))
  const wrong = [
    { metrics: 1 },
    { results: undefined },
    { decides: 'no' },
    { after: null },
    { after: { event: 0 } },
    { after: { event: '0', failure: 0 } },
  ]
  for (const part of wrong) {
    const [name] = Object.keys(part)
    const expected = { code: 'E_BAD_ARGUMENT', message: new RegExp(`watch: ${name} must be`) }
    t.throws(() => checkWatch({ ...good, ...part } as never), expected, name)
  }
  t.throws(() => checkWatch(7 as never), { code: 'E_BAD_ARGUMENT' })
})
