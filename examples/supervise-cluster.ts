/**
 * A policy of your own, from any machine: three failures of one operator within a minute stop the job
 * behind a savepoint, and page somebody. Until then it restarts, as ever.
 *
 *     millrace dev
 *     node supervise-cluster.js ws://127.0.0.1:7373 job.ts /backup/job
 *
 * While this program runs it is asked about each failure. When it is gone, or takes longer than two
 * seconds, the options of the job decide, and the job goes on without it.
 */

import { connect, type Failure, type SubmittedJob } from 'millrace/actors'

const FAILURES_MAX = 3
const WITHIN_MS = 60_000

/** Counts the failures of each operator; true for the one that is too many. */
function createCount(): (failure: Failure) => boolean {
  const times = new Map<string, number[]>()
  return ({ operator, path, wallTimeMs }) => {
    const name = operator ?? path
    const recent = (times.get(name) ?? []).filter((ms) => wallTimeMs - ms < WITHIN_MS)
    times.set(name, [...recent, wallTimeMs])
    return recent.length + 1 >= FAILURES_MAX
  }
}

/** Whatever wakes you up. */
const page = (text: string) => console.log(`PAGE: ${text}`)

async function stopSaved(job: SubmittedJob, directory: string): Promise<void> {
  const { directory: saved } = await job.stop(directory)
  page(`${job.pipeline} has stopped; its savepoint is in ${saved}`)
}

const [url, module, directory] = process.argv.slice(2)
if (url === undefined || module === undefined || directory === undefined) {
  throw new Error('expected: the URL of a coordinator, a job module, a directory')
}
const secretFile = process.env.MILLRACE_SECRET_FILE
const cluster = await connect(url, secretFile === undefined ? {} : { secretFile })
cluster.events$.subscribe({ next: (event) => console.error(event), error: console.error })
const isTooMany = createCount()
let stopping: Promise<void> | null = null

const job = await cluster.submit(module, { checkpoint: { interval: 500 } })
await job.decide(({ operator, kind, error }) => {
  console.log(`${operator} failed (${kind}): ${error.message.split(';')[0]}`)
  return 'restart'
})
job.failures$.subscribe((failure) => {
  if (stopping !== null || !isTooMany(failure)) return
  page(`${failure.operator} of ${job.pipeline} fails again and again`)
  stopping = stopSaved(job, directory)
})

const { state, restarts } = await job.done
await stopping
console.log(`${state} after ${restarts} restarts`)
cluster.close()
