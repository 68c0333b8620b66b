import { once } from 'node:events'
import { watch } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { connectSlots } from '../../actors/worker/connect-slots.js'
import type { JobModule, SlotSetup } from '../../actors/worker/protocol.js'
import { type Clock, systemClock } from '../../lib/base/clock.js'
import type { MillraceError } from '../../lib/base/errors.js'
import { promptly } from '../support/promptly.js'
import { causesOf, diesOf, slotThat } from './worker/started-slot.js'

t.test('an error crosses with code, details, stack and causes', async (t) => {
  const { slot } = await slotThat(t, '')
  const error = (await slot.commands.open(3, 1).catch((it) => it)) as MillraceError
  t.match(error, { code: 'E_OPEN', retryable: true, details: { region: 3 } })
  t.same(causesOf(error), ['cannot open', 'disk', 'root'])
  t.equal((error.cause as MillraceError).code, 'EIO')
  t.match(error.stack, /misbehaving-runtime\.ts:\d+/, 'the stack shows TypeScript lines')
  await slot.commands.close()
})

t.test('closes in silence, and refuses calls from then on', async (t) => {
  const { slot, events } = await slotThat(t, '')
  await slot.commands.close()
  t.same(events, [])
  await t.rejects(slot.commands.drain(), { code: 'E_WORKER_DIED' })
})

t.test('refuses a composed pipeline, which cannot move to a thread', async (t) => {
  const { slot } = await slotThat(t, '')
  const pipeline = { kind: 'pipeline', pipeline: {} } as JobModule
  await t.rejects(slot.commands.setUp({} as SlotSetup, pipeline), { code: 'E_PIPELINE_IN_THREAD' })
  await slot.commands.close()
})

t.test('a call without an answer fails at its deadline, by name', async (t) => {
  const deadlines: (() => void)[] = []
  const clock: Clock = {
    ...systemClock,
    after(ms, task) {
      if (ms !== 4321) return systemClock.after(ms, task)
      deadlines.push(task)
      return () => {}
    },
  }
  const { slot } = await slotThat(t, '', { clock, callDeadlineMs: 4321 })
  const inFlight = t.rejects(slot.commands.enumerate(0), {
    code: 'E_CALL_TIMEOUT',
    message: /slot 0 .*"enumerate".*4321 ms/,
  })
  deadlines.at(-1)!()
  await inFlight
  await slot.commands.close()
})

t.test('publishes no more until the records are taken, and says what cannot cross', async (t) => {
  const { slot, events, next } = await slotThat(t, '')
  let take = () => {}
  const seen: unknown[] = []
  slot.onResults = (records) => {
    seen.push(...records)
    return new Promise((resolve) => {
      take = resolve
    })
  }
  const drained = t.rejects(slot.commands.drain(), {
    code: 'E_CALL_NOT_SENT',
    message: /"results"/,
  })
  await slot.commands.abort(0, 1)
  t.same([seen, events], [[1, 2], []])
  take()
  t.match(await next('Log'), { message: 'taken' })
  await drained
  await slot.commands.close()
})

t.test('slots talk over the ports between them', async (t) => {
  const [a, b] = await Promise.all([slotThat(t, 'talk'), slotThat(t, 'talk', { index: 1 })])
  await connectSlots([a.slot, b.slot])
  await Promise.all([a.slot.commands.start(0, 1), b.slot.commands.start(0, 1)])
  t.match(await a.next('Log'), { message: 'from 1: hello 0', details: 0 })
  t.match(await b.next('Log'), { message: 'from 0: hello 1', details: 1 })
  await Promise.all([a.slot.commands.close(), b.slot.commands.close()])
})

t.test('death by an error in a timer is told with error, causes and operator', async (t) => {
  const { error, operator, tookMs } = await diesOf(t, 'throw in a timer')
  t.match(error, {
    code: 'E_WORKER_DIED',
    message: /^slot 0 died in "count" \(subtask 0\): boom\./,
  })
  t.match(error.cause, { code: 'E_BOOM', details: { line: 7 } })
  t.same(causesOf(error).slice(1), ['boom', 'fuse'])
  t.equal(operator, 'count', 'the only subtask of the slot')
  promptly(t, 'noticed', tookMs, 1000)
})

t.test('death by an unhandled rejection', async (t) => {
  const { error, tookMs } = await diesOf(t, 'reject')
  t.match(error.cause, { name: 'TypeError', message: 'nobody listens' })
  promptly(t, 'noticed', tookMs, 1000)
})

t.test('death by process.exit is told with code, operator and the place of the call', async (t) => {
  const { error, operator, tookMs } = await diesOf(t, 'exit')
  t.match(error.message, /in "count" \(subtask 0\): process\.exit\(7\)/)
  t.match((error.cause as Error).stack, /misbehaving-runtime\.ts:\d+/)
  t.equal(operator, 'count')
  promptly(t, 'noticed', tookMs, 1000)
})

const skip =
  Number.parseInt(process.versions.node, 10) >= 24 &&
  'V8 of Node 24 aborts the process at its limit; guard and watch have to come first'
t.test('death at the limit of V8 itself is told with operator', { skip }, async (t) => {
  const { error, operator } = await diesOf(t, 'heap limit', { memoryMiB: 8 })
  t.match(error, { retryable: false, details: { how: 'heap limit' } })
  t.match(error.cause, { code: 'ERR_WORKER_OUT_OF_MEMORY' })
  t.equal(operator, 'count')
})

t.test('kill ends a busy thread at once', async (t) => {
  const { slot, next } = await slotThat(t, 'loop')
  await slot.commands.start(0, 1)
  const open = t.rejects(slot.commands.open(0, 1), { code: 'E_WORKER_DIED', message: /enough/ })
  const startMs = performance.now()
  await slot.kill('enough')
  promptly(t, 'killed', performance.now() - startMs, 500)
  await open
  t.match(await next('SlotLost'), {
    operator: 'count',
    error: { cause: { code: 'E_KILLED', message: 'enough' } },
  })
})

t.test('a kill that a native call holds up is warned about, and the slot given up', async (t) => {
  const clock: Clock = {
    ...systemClock,
    after: (ms, task) => systemClock.after(ms === 5000 ? 100 : ms, task),
  }
  const folder = t.testdir()
  const watcher = watch(folder)
  t.teardown(() => watcher.close())
  const called = once(watcher, 'change')
  const file = join(folder, 'called')
  const { slot, events } = await slotThat(t, 'native call', { clock, file })
  slot.commands.start(0, 1).catch(() => {})
  await called
  const startMs = performance.now()
  await slot.kill('enough')
  promptly(t, 'given up before the call has ended', performance.now() - startMs, 450)
  t.match(events, [{ kind: 'Log', level: 'warn', message: /native call/ }, { kind: 'SlotLost' }])
})
