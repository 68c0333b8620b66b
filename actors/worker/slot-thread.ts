/**
 * Entry point of a worker thread that is a slot. It loads the runtime, answers the job's commands
 * over the control link, and tells why it dies.
 *
 * Whatever nobody caught — an exception in a timer, an unhandled rejection, `process.exit` in user
 * code — is the death of the slot: the state of everything in it is in doubt. The notice goes out
 * before the thread ends, past Comlink, so that it needs nothing but a port. What leaves no time for
 * a notice (V8's heap limit, `terminate`) the other side sees for itself, with the vitals left in
 * shared memory.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { assert } from '../../lib/base/assert.js'
import { systemClock } from '../../lib/base/clock.js'
import { type ErrorData, errorToData, MillraceError } from '../../lib/base/errors.js'
import { vitalsIn } from '../../lib/metrics/vitals.js'
import type { ChunkRef } from '../../lib/snapshot/chunk-store.js'
import { createControlLink } from './link.js'
import type { SlotEvent } from './protocol.js'
import { type CreateSlotRuntime, startBeating } from './slot-host.js'
import { writeOutputAtOnce } from './worker-output.js'

/** What the thread is started with. */
export interface SlotThreadData {
  readonly port: MessagePort
  readonly vitals: SharedArrayBuffer
  /** URL of the module that exports `createSlotRuntime`; null: the runtime of this package. */
  readonly runtime: string | null
}

interface Runtime {
  readonly createSlotRuntime: CreateSlotRuntime
}

/** The last message of a thread. */
export interface DeathNotice {
  readonly how: 'threw' | 'exited'
  readonly error: ErrorData
}

/** What a slot's thread calls on the job's side. */
export interface SlotListener {
  event(event: SlotEvent): void
  results(records: readonly unknown[]): Promise<void>
  putChunk(round: number, id: string, bytes: Uint8Array): Promise<void>
  getChunk(round: number, ref: ChunkRef): Promise<Uint8Array | null>
}

assert(parentPort !== null, 'slot-thread.js is the entry point of a worker thread')
const parent = parentPort
const { port, vitals: memory, runtime } = workerData as SlotThreadData

let noticeSent = false
writeOutputAtOnce((cause) => dieOf(readerGone(cause)))
process.on('uncaughtException', dieOf)
process.on('unhandledRejection', dieOf)
process.on('exit', (code) => sendNotice({ how: 'exited', error: errorToData(exitError(code)) }))

const vitals = vitalsIn(memory)
startBeating(vitals)
const { createSlotRuntime }: Runtime = await (runtime === null ? loadRuntime() : import(runtime))
const commands = createSlotRuntime({
  clock: systemClock,
  vitals,
  emit(event) {
    // An answer is needed only where the job side has a bug, and that must not pass unnoticed.
    link.call('event', [event]).catch(dieOf)
  },
  publish: (records) => link.call('results', [records]),
  chunks: {
    put: (round, id, bytes) =>
      link.call('putChunk', [round, id, bytes], {
        transfer: [bytes.buffer as ArrayBuffer],
      }),
    get: (round, ref) => link.call('getChunk', [round, ref]),
  },
})
const link = createControlLink<SlotListener>({
  port,
  peer: 'the job of this slot',
  handlers: commands,
  // A slow disk makes a slow snapshot; whether it takes too long is for the job to say.
  deadlineMs: null,
  clock: systemClock,
})

/**
 * With what job modules import: before there is one, and before its loader lets Node read the source map of
 * whatever is loaded from then on.
 */
async function loadRuntime(): Promise<Runtime> {
  const [loaded] = await Promise.all([
    import('./slot-runtime.js'),
    import('../planner/load.js'),
    import('../../lib/index.js'),
    import('../../lib/connectors/index.js'),
  ])
  return loaded
}

function dieOf(error: unknown): never {
  sendNotice({ how: 'threw', error: errorToData(error) })
  process.exit(1)
}

/** As `print` says it: the way to end quietly. */
function readerGone(cause: Error): MillraceError {
  return new MillraceError('E_PIPE_CLOSED', 'whoever read standard output has closed it', { cause })
}

function sendNotice(notice: DeathNotice): void {
  if (noticeSent) return
  noticeSent = true
  parent.postMessage(notice)
}

/** Made inside of `process.exit`, so its stack shows who called that. */
function exitError(code: number): Error {
  return Object.assign(new Error(`process.exit(${code}) was called in the worker thread`), {
    code: 'E_PROCESS_EXIT',
  })
}
