/**
 * Looks into threads while threads start, end and are ended around it, for so many milliseconds (first
 * argument), and until there were enough of each, however slow the machine is, or until one that lives is lost from
 * sight; then prints how many. A process of its own: what else goes wrong here is a crash or a hang.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { ThreadInspector } from '../../../actors/worker/thread-inspector.js'
import { workerSessions } from '../../../actors/worker/worker-sessions.js'

/** Counts of what was done. */
export interface Tally {
  /** Of threads that live on, and how many of them saw something. */
  looks: number
  seen: number
  /** Looks behind which such a thread could not be found any more: no other will see it. */
  lost: number
  /** Threads that started and ended beside these looks. */
  neighbours: number
  /** Threads that ended, each by itself or by `terminate`, with looks before, at and after its end. */
  deaths: number
}

const tally: Tally = { looks: 0, seen: 0, lost: 0, neighbours: 0, deaths: 0 }
const ENOUGH = { looks: 20, seen: 20, neighbours: 6, deaths: 4 }
const COUNTED = Object.keys(ENOUGH) as (keyof typeof ENOUGH)[]
const endMs = performance.now() + Number(process.argv[2])
const SPIN = 'const end = Date.now() + 20 * Math.random(); while (Date.now() < end);'
const LIVES = [
  'while (true);',
  `${SPIN} process.exit(1)`,
  `${SPIN} throw new Error('on purpose')`,
  'setInterval(() => {}, 1)',
]

/** Unlike `once` of node:events, it is not rejected by an error. */
const first = (worker: Worker, event: 'message' | 'exit') =>
  new Promise<void>((resolve) => worker.once(event, () => resolve()))

/** Says hello, then lives its life. */
function start(life: string): ThreadInspector {
  const source = `require('node:worker_threads').parentPort.postMessage(0)
    setTimeout(() => { ${life} })`
  const inspector = new ThreadInspector(() => new Worker(source, { eval: true }))
  inspector.worker.on('error', () => {})
  return inspector
}

const isTooSoon = () =>
  performance.now() < endMs || COUNTED.some((count) => tally[count] < ENOUGH[count])

const goesOn = () => tally.lost === 0 && isTooSoon()

async function repeat(work: (round: number) => Promise<void>): Promise<void> {
  for (let round = 0; goesOn(); round++) await work(round)
}

async function lookAtOneThatLives(): Promise<void> {
  const inspector = start('setInterval(() => {}, 1)')
  await first(inspector.worker, 'message')
  await repeat(async (round) => {
    const saw = round % 2 ? await inspector.stack() : await inspector.heapBytes()
    tally.looks++
    if (saw !== null) tally.seen++
    if (workerSessions().find(inspector.worker.threadId) === null) tally.lost++
  })
  await inspector.terminate()
}

async function startAndEnd(): Promise<void> {
  await repeat(async () => {
    const worker = new Worker(`setTimeout(() => process.exit(), ${5 * Math.random()})`, {
      eval: true,
    })
    await first(worker, 'exit')
    tally.neighbours++
  })
}

async function lookAtOnesThatDie(): Promise<void> {
  await repeat(async (round) => {
    const inspector = start(LIVES[round % LIVES.length]!)
    const exited = first(inspector.worker, 'exit')
    await Promise.race([first(inspector.worker, 'message'), exited])
    const looks = [inspector.stack(), inspector.heapBytes()]
    await delay(30 * Math.random())
    await Promise.all([...looks, inspector.stack(), inspector.terminate(), inspector.stack()])
    await exited
    tally.deaths++
  })
}

await Promise.all([
  lookAtOneThatLives(),
  lookAtOneThatLives(),
  startAndEnd(),
  startAndEnd(),
  lookAtOnesThatDie(),
  lookAtOnesThatDie(),
])
process.stdout.write(JSON.stringify(tally))
