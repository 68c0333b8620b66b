/** Submits one job, says so, and follows it: `node cluster-client.js '{"url":…,"module":…,"options":…}'`. */
import { clientOf } from './cluster-parts.js'

const { url, secret, module, options } = JSON.parse(process.argv[2]!)
const say = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`)

const cluster = await clientOf(url, secret)
const job = await cluster.submit(module, options)
say({ kind: 'Submitted', job: job.id })
job.events$.subscribe((event) => {
  if (event.kind === 'SnapshotCompleted') say({ ...event, kind: 'Checkpointed' })
  if (event.kind === 'SnapshotAbandoned') say(event)
  if (event.kind === 'StateChanged') say({ kind: event.to })
})
job.failures$.subscribe(({ error: { code, message } }) => say({ kind: 'Failure', code, message }))
if (process.env.VERBOSE !== undefined) {
  job.events$.subscribe((event) => process.stderr.write(`${JSON.stringify(event)}\n`))
  job.failures$.subscribe(({ error }) => process.stderr.write(`${error.message}\n`))
}
await job.done.then(
  (summary) => say({ kind: 'Done', summary }),
  (error: Error) => say({ kind: 'Failed', error: error.message }),
)
cluster.close()
