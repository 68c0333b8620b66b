/** `STRESS_MS=600000` looks and kills for ten minutes instead of a few seconds. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { LOOK_MS_MAX } from '../../../actors/worker/debuggee.js'
import { ThreadInspector } from '../../../actors/worker/thread-inspector.js'
import { promptly } from '../../support/promptly.js'
import type { Tally } from './looks-and-deaths.js'

const STRESS_MS = Number(process.env.STRESS_MS ?? 5000)
const GRACE_MS = 120_000
t.setTimeout(STRESS_MS + 2 * GRACE_MS)

async function threadThat(does: string): Promise<ThreadInspector> {
  const source = `const { parentPort } = require('node:worker_threads')
    const hello = () => parentPort.postMessage(0)
    ${does}`
  const inspector = new ThreadInspector(() => new Worker(source, { eval: true }))
  await once(inspector.worker, 'message')
  return inspector
}

const spins = 'setTimeout(function spin() { hello(); while (true); })'

const runProcess = (file: string, args: readonly string[], timeout: number) =>
  promisify(execFile)(process.execPath, [fileURLToPath(new URL(file, import.meta.url)), ...args], {
    timeout,
  })

t.test('threads that start and end around a look crash nothing and hold up nothing', async (t) => {
  const run = runProcess('./looks-and-deaths.js', [String(STRESS_MS)], STRESS_MS + GRACE_MS)
  const { stdout } = await run.catch((error) => {
    t.match(error, { code: 0, signal: null }, 'the process ends by itself')
    throw error
  })
  t.comment(stdout)
  t.equal((JSON.parse(stdout) as Tally).lost, 0, 'whoever ends, a thread that lives can be found')
})

t.test(
  'a thread is not ended in the middle of a look, and not looked at once it ends',
  async (t) => {
    const inspector = await threadThat(spins)
    const order: string[] = []
    const first = inspector.stack().then((stack) => {
      order.push('seen')
      return stack
    })
    const ended = inspector.terminate().then(() => order.push('ended'))
    t.equal(await inspector.stack(), null, 'the look that came too late')
    t.equal(await first, null, 'had not begun')
    await ended
    t.same(order, ['seen', 'ended'])

    const busy = await threadThat(spins)
    const looked = busy.stack()
    await null
    await null
    await busy.terminate()
    t.match(await looked, /at spin /, 'had begun')
    t.equal(await busy.heapBytes(), null)
  },
)

t.test('a thread that was looked at goes on as before', async (t) => {
  const inspector = await threadThat(`
    setInterval(function tick() {}, 1)
    parentPort.on('message', hello)
    hello()`)
  for (let i = 0; i < 3; i++) {
    t.ok(Number(await inspector.heapBytes()) > 100_000)
    t.match(await inspector.stack(), /^ {4}at /)
    inspector.worker.postMessage(0)
    await once(inspector.worker, 'message')
  }
  await inspector.terminate()
})

t.test('a thread in a native call is not waited for', async (t) => {
  const inspector = await threadThat(
    'hello(); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000)',
  )
  const startMs = performance.now()
  await Promise.all([inspector.stack(), inspector.terminate()])
  promptly(t, 'ended', performance.now() - startMs, LOOK_MS_MAX + 1000)
})

t.test('a process can end in the middle of a look', async (t) => {
  await t.rejects(runProcess('./exit-in-a-look.js', [], GRACE_MS), { code: 3, signal: null })
})
