import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { watchMainThread } from '../../actors/worker/main-thread-watch.js'
import type { SubtaskStalled } from '../../actors/worker/stall-watch.js'
import { column, counterRow, createCounterTable } from '../../lib/metrics/counters.js'
import { createVitalsMemory } from '../../lib/metrics/vitals.js'
import { promptly } from '../support/promptly.js'
import { diesOf, MIB, slotThat } from './worker/started-slot.js'

/** A look waits half a second: other processes may keep the thread from its core for as long, and nothing is seen. */
const LOOKS = 5

/** What is told of an endless loop. */
async function endlessLoop(t: Test) {
  const { slot, next, events } = await slotThat(t, 'loop', { stallMs: 4000 })
  await slot.commands.start(0, 1)
  const startMs = performance.now()
  const stalled = await next('SubtaskStalled')
  const reportedMs = performance.now() - startMs
  return { stalled, reportedMs, lost: await next('SlotLost'), events }
}

t.test('an endless loop is reported with its stack, then ended', async (t) => {
  const neighbour = await slotThat(t, '', { index: 1 })
  let told = await endlessLoop(t)
  for (let looks = 1; looks < LOOKS && told.stalled.stack === null; looks++)
    told = await endlessLoop(t)
  const { stalled, reportedMs, lost, events } = told
  t.ok(reportedMs > 650, 'not before it is one')
  promptly(t, 'reported', reportedMs, 3000)
  t.match(stalled, { subtask: { chain: 0, index: 0 } })
  t.match(stalled.stack, /^ {4}at loopForEver \(.*misbehaving-runtime\.ts:\d+:\d+\)/)
  t.match(lost, { operator: 'count', error: { cause: { code: 'E_STALLED' } } })
  t.equal(events.length, 2)
  await neighbour.slot.commands.open(0, 1)
  t.same(neighbour.events, [], 'its neighbour notices nothing')
  await neighbour.slot.commands.close()
})

t.test('a long turn, and idling with input, are no stalls', async (t) => {
  const idle = await slotThat(t, 'idle with input', { index: 1, stallMs: 700 })
  await idle.slot.commands.start(0, 1)
  const busy = await slotThat(t, 'busy for 300 ms', { stallMs: 1000 })
  for (let i = 0; i < 2; i++) await busy.slot.commands.start(0, 1)
  t.same([...busy.events, ...idle.events], [])
  await Promise.all([busy.slot.commands.close(), idle.slot.commands.close()])
})

t.test('a turn that died with its thread is no stall of the next thread', async (t) => {
  const counters = createCounterTable(2)
  const row = counterRow(counters, 0)
  row[column.inTurn] = 1
  row[column.hasInput] = 1
  const { slot, events } = await slotThat(t, '', { counters, stallMs: 600 })
  const busy = await slotThat(t, 'busy for 300 ms', { index: 1 })
  for (let i = 0; i < 4; i++) await busy.slot.commands.start(0, 1)
  t.same(events, [])
  await Promise.all([busy.slot.commands.close(), slot.commands.close()])
})

t.test('state that outgrows the budget fails the subtask; thread and process live', async (t) => {
  for (const behaviour of ['growing Map', 'growing Buffers']) {
    const { slot, next } = await slotThat(t, behaviour, { memoryMiB: 48 })
    await slot.commands.start(0, 1)
    const { error } = await next('SubtaskFailed')
    t.match(error, { code: 'E_MEMORY_BUDGET', retryable: false }, behaviour)
    t.match(error.details, { operator: 'count', subtask: 0, budgetBytes: 48 * MIB })
    const used = Number(error.details.usedBytes)
    t.ok(used > 0.8 * 48 * MIB && used < 1.7 * 48 * MIB, `${used} bytes`)
    await slot.commands.open(0, 1)
    await slot.commands.close()
  }
})

t.test(
  'a turn that grows one Map without end is stopped before V8 aborts the process',
  async (t) => {
    const { error, operator } = await diesOf(t, 'endless Map', { memoryMiB: 64 })
    t.match(error.cause, { code: 'E_MEMORY_BUDGET', details: { budgetBytes: 64 * MIB } })
    t.equal(operator, 'count')
  },
)

t.test('garbage is not mistaken for state', async (t) => {
  const { slot, events } = await slotThat(t, 'garbage', { memoryMiB: 32 })
  await slot.commands.start(0, 1)
  t.same(events, [])
  await slot.commands.close()
})

t.test('slots that come to their budget at the same moment can all collect', async (t) => {
  const threads = 4
  const file = new URL('./worker/collects-at-once.js', import.meta.url)
  for (let round = 0; round < 10; round++) {
    const arrived = new Int32Array(new SharedArrayBuffer(4))
    const reads = Array.from({ length: threads }, async () => {
      const worker = new Worker(file, { workerData: { arrived, threads } })
      const [read] = await once(worker, 'message')
      return read
    })
    t.same(await Promise.all(reads), Array(threads).fill(2))
  }
})

t.test('a blocked calling thread is reported with its stack by its watch', async (t) => {
  const counters = createCounterTable(1)
  const vitals = createVitalsMemory()
  const row = counterRow(counters, 0)
  const subtasks = [{ chain: 0, index: 0, row: 0, operator: 'count' }]
  let report: SubtaskStalled | null = null
  const reported = new Promise<void>((resolve) => {
    const watch = watchMainThread({
      subtasks,
      counters,
      vitals,
      onStalled(event) {
        report = event
        if (event.stack !== null) resolve(watch.stop())
      },
    })
    watch.ready.then(async () => {
      // Again where the watcher, sharing its core with other processes, was late, or has seen nothing.
      for (let looks = 0; looks < LOOKS && (report?.stack ?? null) === null; looks++) {
        row[column.inTurn] = 1
        blockThisThread(2000)
        row[column.inTurn] = 0
        row[column.progress]!++
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      resolve(watch.stop())
    })
  })
  const keepAlive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(keepAlive))
  await reported
  t.match(report, { kind: 'SubtaskStalled', subtask: { chain: 0, index: 0 } })
  t.match(report!.stack, /at blockThisThread \(.*worker-health\.test\.ts:\d+:\d+\)/)
})

function blockThisThread(ms: number): void {
  const endMs = Date.now() + ms
  while (Date.now() < endMs) Math.sqrt(2)
}
