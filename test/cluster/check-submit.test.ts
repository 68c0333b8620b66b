/** What a client says of how a job is to run is checked before anything believes it. */
import t from 'tap'
import { checkSubmit } from '../../actors/coordinator/check-submit.js'

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
