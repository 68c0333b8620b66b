/** Starts real slots for tests, with the misbehaving runtime, and watches them die. */
import type { Test } from 'tap'
import type { JobModule, Slot, SlotEvent, SlotSetup } from '../../../actors/worker/protocol.js'
import { SlotWorker } from '../../../actors/worker/slot-worker.js'
import { createThreadSlot } from '../../../actors/worker/thread-slot.js'
import { type Clock, systemClock } from '../../../lib/base/clock.js'
import { errorFromData, type MillraceError } from '../../../lib/base/errors.js'
import type { Plan } from '../../../lib/graph/plan.js'
import { createCounterTable, createOperatorTable } from '../../../lib/metrics/counters.js'

export const MIB = 2 ** 20
const runtime = new URL('./misbehaving-runtime.js', import.meta.url)

const plan: Plan = {
  pipeline: 'p',
  fingerprint: '',
  maxParallelism: 128,
  chains: [
    { id: 0, name: 'count', steps: [], parallelism: 2, keyed: false, inputs: [], outputs: [] },
  ],
  edges: [],
  regions: [],
  demanded: 'at-least-once',
  guarantee: 'at-least-once',
  weakest: null,
  warnings: [],
}

export interface Started {
  readonly slot: Slot
  readonly events: SlotEvent[]
  next<K extends SlotEvent['kind']>(kind: K): Promise<Extract<SlotEvent, { kind: K }>>
}

interface Wanted {
  readonly index?: number
  readonly slots?: number
  readonly memoryMiB?: number
  readonly stallMs?: number
  readonly callDeadlineMs?: number
  readonly clock?: Clock
  /** Its thread is there before it. */
  readonly inAdvance?: boolean
  readonly file?: string
  /** Of a slot before this one. */
  readonly counters?: SharedArrayBuffer
}

/** A slot set up with one subtask of `count`, ready to `start`; ends with the test. */
export async function slotThat(t: Test, behaviour: string, wanted: Wanted = {}): Promise<Started> {
  const { index = 0, slots = 2, memoryMiB = 0, stallMs = 30_000 } = wanted
  const memoryBytesMax = memoryMiB * MIB
  const { callDeadlineMs = stallMs + 10_000, clock = systemClock } = wanted
  const thread = wanted.inAdvance
    ? { thread: new SlotWorker({ memoryBytesMax, runtime }) }
    : { runtime }
  const options = { index, memoryBytesMax, stallMs, callDeadlineMs, clock, ...thread }
  const slot = createThreadSlot(options)
  t.teardown(() => slot.kill('the test is over'))
  const events: SlotEvent[] = []
  const waiting = new Set<() => void>()
  slot.onEvent = (event) => {
    events.push(event)
    for (const look of waiting) look()
  }
  const setup: SlotSetup = {
    run: 'run',
    job: 'j',
    slot: index,
    slots,
    plan,
    settings: {
      inletCredits: 2,
      floatingCredits: 8,
      freeze: false,
      accountIntervalMs: 0,
      hotKeys: false,
      snapshots: null,
      memoryBytesMax,
      state: { backend: 'heap' },
    },
    counters: wanted.counters ?? createCounterTable(2),
    operatorCounters: createOperatorTable(1),
  }
  const module: JobModule = { kind: 'bundle', file: wanted.file ?? '', args: { behaviour } }
  await slot.commands.setUp(setup, module)
  const next: Started['next'] = (kind) =>
    new Promise((resolve) => {
      const look = () => {
        const found = events.find((event) => event.kind === kind)
        if (found === undefined) return
        waiting.delete(look)
        resolve(found as never)
      }
      waiting.add(look)
      look()
    })
  return { slot, events, next }
}

export const causesOf = (error: Error): string[] =>
  error.cause instanceof Error ? [error.message, ...causesOf(error.cause)] : [error.message]

/** Starts a slot that dies, and checks what every death has in common. */
export async function diesOf(t: Test, behaviour: string, wanted?: Wanted) {
  const started = await slotThat(t, behaviour, wanted)
  const inFlight = started.slot.commands.enumerate(0).then(
    () => null,
    (error: MillraceError) => error,
  )
  const startMs = performance.now()
  await started.slot.commands.start(0, 1).catch(() => {})
  const lost = await started.next('SlotLost')
  const tookMs = performance.now() - startMs
  const rejected = await inFlight
  t.equal(rejected?.code, 'E_WORKER_DIED', 'a call in flight rejects')
  t.match(rejected?.message, /"enumerate"/)
  await t.rejects(started.slot.commands.open(0, 1), { code: 'E_WORKER_DIED' }, 'so do later calls')
  t.equal(started.events.at(-1), lost, 'the loss is the last event')
  return { error: errorFromData(lost.error) as MillraceError, operator: lost.operator, tookMs }
}
