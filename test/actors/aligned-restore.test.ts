/** Sources that keep together in event time, some of which had ended when the job was restored. */
import t from 'tap'
import { run } from '../../actors/index.js'
import { collect } from '../../actors/testing/index.js'
import { generate } from '../../lib/connectors/index.js'
import { pipeline, timestamps } from '../../lib/index.js'
import { first, within } from '../e2e/support.js'

const ROWS = 3_000

t.test('nobody waits for a source that had ended before a restore', async (t) => {
  const checkpoint = { directory: t.testdir(), interval: 20 }
  const live = () => {
    const seen = collect<number>()
    const job = run(
      pipeline('aligned', (flow) => {
        const times = timestamps((n: number) => n, { align: { group: 'both', maxDrift: 10 } })
        const ofShort = generate(10, (n) => n)
        flow.from(ofShort, { name: 'short' }).pipe(times).to(collect<number>())
        const ofLong = generate(ROWS, (n) => n, { perSecond: 2_000 })
        flow.from(ofLong, { name: 'long' }).pipe(times).to(seen)
      }),
      { stallWatch: false, checkpoint, restore: 'latest' },
    )
    return { job, seen }
  }
  const { job } = live()
  const hasEnded = first(job.events$, (event) => event.kind === 'SubtaskFinished')
  await within(30_000, 'the end of the short one', hasEnded)
  await within(30_000, 'a stop', job.stop())
  const again = live()
  t.match(await within(30_000, 'the end', again.job.done), { state: 'Finished' })
  t.equal(again.seen.records.at(-1), ROWS - 1)
})
