/**
 * Supervised actors alone, without any dataflow: a pool deals jobs out to three workers. Some jobs
 * are poison. A worker that meets one fails, and its parent's supervision says what becomes of it.
 *
 * Run: node dist/examples/supervised-actors.js
 */
import {
  type ActorRef,
  backoff,
  createActorSystem,
  type Failure,
  MillraceError,
  type Setup,
  supervise,
} from 'millrace/actors'

type Job = { readonly kind: 'job'; readonly id: number; readonly text: string }
type Done = { readonly kind: 'done'; readonly by: string; readonly result: string }

const WORKERS = 3
const TEXTS = ['mill', 'race', '', 'wheel', 'poison', 'water', 'poison', 'gate', 'flour', 'sack']

/** Bad input costs one job; anything else costs the worker its memory, and a short pause. */
const decide = (failure: Failure) => (failure.kind === 'input' ? 'resume' : 'restart')

/** Setup runs once per life: a restarted worker counts from zero again. */
const worker =
  (name: string, pool: ActorRef<Done>): Setup<Job> =>
  () => {
    let handled = 0
    return {
      started: () => console.log(`${name}: started`),
      receive({ id, text }) {
        if (text === '') throw new MillraceError('E_INPUT_EMPTY', `job ${id} has no text`)
        if (text === 'poison') throw new Error(`job ${id} is poison`)
        handled++
        const result = `job ${id}: ${text.toUpperCase()}, number ${handled} of this life`
        pool.tell({ kind: 'done', by: name, result })
      },
      stopped: (_, why) => console.log(`${name}: down (${why}) after ${handled} jobs`),
    }
  }

const pool: Setup<Job | Done> = (context) => {
  const workers = Array.from({ length: WORKERS }, (_, index) =>
    context.spawn(`worker-${index + 1}`, worker(`worker-${index + 1}`, context.self)),
  )
  let open = TEXTS.filter((text) => text !== '' && text !== 'poison').length
  return {
    receive(message) {
      if (message.kind === 'job') {
        workers[message.id % WORKERS]?.tell(message)
        return
      }
      console.log(`${message.by}: ${message.result}`)
      open--
      if (open === 0) context.stop()
    },
  }
}

const system = createActorSystem({ name: 'demo' })

system.failures$.subscribe(({ path, kind, error, attempt, decision, delayMs }) => {
  const after = delayMs === null ? '' : ` after ${Math.round(delayMs)} ms`
  console.log(`! ${path} [${kind}] ${error.message} → ${decision}${after} (attempt ${attempt})`)
})

const mill = system.spawn('pool', pool, {
  supervise: supervise({
    strategy: 'one-for-one',
    restart: backoff({ firstMs: 50, maxMs: 1_000, jitter: 0.1 }),
    maxRestarts: 3,
    withinMs: 10_000,
    decide,
  }),
})
for (const [id, text] of TEXTS.entries()) mill.tell({ kind: 'job', id, text })

// The pool stops when all good jobs are done: those behind a poisoned one wait in the mailbox
// of their worker until it is back.
await system.ended(mill)
await system.stop()
console.log(`${system.failures.length} failures, ${system.counts.lost} jobs lost`)
