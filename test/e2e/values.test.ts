/** What crosses threads in a job: values and keys exactly as they were, or an error that says where. */
import t from 'tap'
import { testSeed } from '../support/test-seed.js'
import { ended, runModule } from './support.js'

t.setTimeout(400_000)

const SEED = String(testSeed())
const KEPT_BYTES_MAX = 300

t.test('values and keys of every kind survive rebalance and hash exchanges', async (t) => {
  const args = { seed: SEED, count: '600' }
  const { error, results } = await ended(runModule(t, 'travellers', { slots: 2, args }))
  t.equal(error, null)
  const unlike = results.filter((result) => result !== 'key')
  t.same(unlike, [])
  t.ok(results.length > 20, `${results.length} keys`)
})

for (const [kind, field] of [
  ['function', 'call'],
  ['instance', 'ticket'],
  ['symbol', 'mark'],
] as const) {
  t.test(`a ${kind} in a record fails the job, naming operator and field`, async (t) => {
    const { error, failures } = await ended(runModule(t, 'stowaway', { slots: 2, args: { kind } }))
    t.match(error?.message, /sender/)
    t.match(error?.message, new RegExp(`inner.*${field}`))
    t.match(failures, [{ operator: /sender/, decision: 'escalate' }])
    t.equal(failures.length, 1, 'trying again would fail again')
  })
}

t.test('a key kept out of each frame takes its own bytes, not those of the frame', async (t) => {
  const { error, results } = await ended(runModule(t, 'keepsakes', { slots: 2 }))
  t.equal(error, null)
  const readings = results as readonly { kept: number; bytes: number }[]
  const [, from] = readings
  const to = readings.at(-1)!
  const perKey = (to.bytes - from!.bytes) / (to.kept - from!.kept)
  t.comment(`${perKey.toFixed(0)} bytes per key`)
  t.ok(perKey <= KEPT_BYTES_MAX, `${perKey.toFixed(0)} bytes per key`)
})
