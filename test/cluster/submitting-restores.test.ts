/** What a job is to go on from is looked for before there is a job. */
import t from 'tap'
import { LONG_JOB as ID, runningLong as running } from '../support/long-job.js'
import { outcomeOf } from '../support/outcome-of.js'
import { bundleOf } from '../support/simulated-cluster.js'

const options = { memoryMb: 0, parallelism: 2 } as const

t.test('where there is no snapshot there is no job, and nothing is kept of it', async (t) => {
  const cluster = await running()
  const coordinator = cluster.coordinator!
  const asked = coordinator.submit(
    'rows-00000002',
    bundleOf('rows'),
    { ...options, restore: '/gone' },
    () => t.fail('a job was opened'),
  )
  const refused = t.rejects(asked, {
    code: 'E_NO_SNAPSHOT',
    message: /no snapshot in \/gone, on the machine of the coordinator/,
  })
  await cluster.runFor(1_000)
  await refused
  t.match(coordinator.jobs(), [{ id: ID }])
  t.same([...cluster.stores.jobs.keys()], [ID])
})

t.test('of two that have the same id one is accepted, though both looked', async (t) => {
  const cluster = await running()
  const coordinator = cluster.coordinator!
  void coordinator.job(ID).savepoint('saved')
  await cluster.runFor(1_000)
  let opened = 0
  const submit = () =>
    coordinator.submit('rows-00000002', bundleOf('rows'), { ...options, restore: 'saved' }, () => {
      opened++
    })
  const [, second] = [submit(), submit()].map(outcomeOf)
  await cluster.runFor(1_000)
  t.same(second, { code: 'E_JOB_EXISTS', isOver: true })
  t.equal(opened, 1)
})

t.test('one that waits for that is refused when its coordinator stops', async (t) => {
  const cluster = await running()
  const coordinator = cluster.coordinator!
  void coordinator.job(ID).savepoint('saved')
  await cluster.runFor(1_000)
  const asked = coordinator.submit(
    'rows-00000002',
    bundleOf('rows'),
    { ...options, restore: 'saved' },
    () => t.fail('a job was opened'),
  )
  const outcome = outcomeOf(asked)
  void coordinator.stop()
  await cluster.runFor(5_000)
  t.match(outcome, { code: 'E_STOPPING', isOver: true })
})
