/**
 * A slot that is a worker thread, seen from the job's side: starts the thread, passes commands and
 * events, and notices its death.
 *
 * Every death — an uncaught error, `process.exit`, V8's heap limit, `kill`, a stall — ends the same
 * way: calls in flight reject with `E_WORKER_DIED`, then `SlotLost` is raised, once, as the last event,
 * with the cause and the operator whose code was running. Only after `close` does it end in silence.
 */
import type { MessagePort } from 'node:worker_threads'
import { type Cancel, type Clock, systemClock } from '../../lib/base/clock.js'
import { errorFromData, errorToData, MillraceError } from '../../lib/base/errors.js'
import { counterRow, leaveTurn } from '../../lib/metrics/counters.js'
import { type Vitals, vitalsIn } from '../../lib/metrics/vitals.js'
import { useJobFolders } from './job-folders.js'
import { type ControlLink, createControlLink } from './link.js'
import { isTurnOverBudget, overBudget } from './memory-guard.js'
import type { ChunkAccess, Slot, SlotCommands, SlotEvent, SlotSetup } from './protocol.js'
import { noChunks } from './slot-host.js'
import type { DeathNotice, SlotListener } from './slot-thread.js'
import { SlotWorker } from './slot-worker.js'
import { subtasksOfSlot, type WatchedSubtask, watchForStalls } from './stall-watch.js'

/** A thread that has sent its death notice ends in a moment; after this time it is ended. */
const NOTICE_TO_EXIT_MS = 500
/** `terminate` waits for native calls; after this time the slot counts as lost all the same. */
const TERMINATE_MS = 5000
/** A command waits for the turn that runs: its deadline lies this far behind the stall limit. */
const DEADLINE_MARGIN_MS = 10_000

export interface ThreadSlotOptions {
  readonly index: number
  /** Budget of heap and external memory, as in `RuntimeSettings`; 0: V8's own limits only. */
  readonly memoryBytesMax: number
  /** A subtask without progress for this long is ended, with the whole slot. Default 30 s. */
  readonly stallMs?: number
  /** Default: 10 s more than `stallMs`. */
  readonly callDeadlineMs?: number
  readonly clock?: Clock
  /** Module that exports `createSlotRuntime`. Default: the runtime of this package. */
  readonly runtime?: URL
  /** Started before, with the same budget and runtime. Default: a new one. */
  readonly thread?: SlotWorker
}

/** Starts the thread at once; commands wait until it is up. */
export function createThreadSlot(options: ThreadSlotOptions): Slot {
  return new ThreadSlot(options)
}

class ThreadSlot implements Slot {
  readonly index: number
  readonly commands: SlotCommands
  onEvent: (event: SlotEvent) => void = () => {}
  onResults: (records: readonly unknown[]) => Promise<void> = async () => {}
  chunks: ChunkAccess = noChunks

  readonly #thread: SlotWorker
  readonly #link: ControlLink<SlotCommands>
  readonly #clock: Clock
  readonly #stallMs: number
  readonly #memoryBytesMax: number
  readonly #vitals: Vitals
  readonly #ended: Promise<void>
  #resolveEnded: () => void = () => {}
  #subtasks: readonly WatchedSubtask[] = []
  #isWeighing = false
  #stopWatch: Cancel = () => {}
  #leaveFolders: () => Promise<void> = async () => {}
  #stopTimer: Cancel = () => {}
  /** What is known so far of why it dies; the first reason counts. */
  #reason: Reason | null = null
  #state: 'alive' | 'closing' | 'ended' = 'alive'

  constructor(options: ThreadSlotOptions) {
    this.index = options.index
    this.#clock = options.clock ?? systemClock
    this.#stallMs = options.stallMs ?? 30_000
    this.#memoryBytesMax = options.memoryBytesMax
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve
    })
    const callDeadlineMs = options.callDeadlineMs ?? this.#stallMs + DEADLINE_MARGIN_MS
    this.#thread = options.thread ?? new SlotWorker(options)
    const { worker, port, vitals } = this.#thread
    this.#vitals = vitalsIn(vitals)
    this.#link = createControlLink<SlotCommands>({
      port,
      peer: `slot ${this.index}`,
      handlers: this.#listener(),
      deadlineMs: callDeadlineMs,
      clock: this.#clock,
    })
    this.commands = this.#commandsOver(this.#link)
    worker.on('message', (notice: DeathNotice) => this.#onNotice(notice))
    worker.on('error', (error) => this.#blame({ how: howOf(error), cause: error }))
    worker.on('exit', (code) => this.#onExit(code))
    port.on('messageerror', (error) => void this.#kill({ how: 'broken', cause: error }))
  }

  async kill(reason: string): Promise<void> {
    await this.#kill({ how: 'killed', cause: new MillraceError('E_KILLED', reason) })
  }

  #listener(): SlotListener {
    return {
      event: (event) => this.onEvent(event),
      results: (records) => this.onResults(records),
      putChunk: (round, id, bytes) => this.chunks.put(round, id, bytes),
      getChunk: (round, ref) => this.chunks.get(round, ref),
    }
  }

  #commandsOver(link: ControlLink<SlotCommands>): SlotCommands {
    return {
      setUp: async (setup, module) => {
        assertBundle(module.kind)
        this.#watch(setup)
        if (this.#state === 'alive') this.#leaveFolders = useJobFolders(setup)
        await link.call('setUp', [setup, module])
      },
      connect: (peer, port, session) =>
        link.call('connect', [peer, port, session], { transfer: [port as MessagePort] }),
      open: (...args) => link.call('open', args),
      start: (region, attempt, subtask) => link.call('start', [region, attempt, subtask]),
      abort: (region, attempt) => link.call('abort', [region, attempt]),
      clear: (region, attempt) => link.call('clear', [region, attempt], { deadlineMs: null }),
      replace: (subtask, attempt, revision) => link.call('replace', [subtask, attempt, revision]),
      enumerate: (node) => link.call('enumerate', [node]),
      assign: (...args) => link.call('assign', args),
      snapshot: (barrier, stop) => link.call('snapshot', [barrier, stop]),
      // A commit takes as long as the system behind the sink.
      snapshotCompleted: (round) => link.call('snapshotCompleted', [round], { deadlineMs: null }),
      snapshotAbandoned: (round) => link.call('snapshotAbandoned', [round]),
      snapshotHurried: (round) => link.call('snapshotHurried', [round]),
      drain: () => link.call('drain', []),
      pause: () => link.call('pause', []),
      resume: () => link.call('resume', []),
      close: () => this.#close(),
    }
  }

  async #close(): Promise<void> {
    await this.#link.call('close', [])
    if (this.#state !== 'alive') return
    this.#state = 'closing'
    this.#terminate()
    await this.#ended
  }

  async #kill(reason: Reason): Promise<void> {
    if (this.#state === 'alive') {
      this.#blame(reason)
      this.#stopWatch()
      this.#link.die(this.#deathError())
      this.#terminate()
    }
    await this.#ended
  }

  #terminate(): void {
    this.#stopTimer()
    this.#stopTimer = this.#clock.after(TERMINATE_MS, () => {
      this.onEvent(slowTermination(this.index))
      this.#end()
    })
    void this.#thread.terminate()
  }

  #onNotice(notice: DeathNotice): void {
    this.#blame({ how: notice.how, cause: errorFromData(notice.error) })
    if (this.#state !== 'alive') return
    this.#stopTimer()
    this.#stopTimer = this.#clock.after(NOTICE_TO_EXIT_MS, () => this.#terminate())
  }

  /** What it said before it died is heard before its death is told. */
  #onExit(code: number): void {
    this.#blame({ how: 'exited', cause: new Error(`the thread ended with code ${code}`) })
    this.#link.drain()
    this.#clock.soon(() => this.#end())
  }

  #blame(reason: Reason): void {
    this.#reason ??= reason
  }

  #end(): void {
    if (this.#state === 'ended') return
    const silent = this.#state === 'closing'
    this.#state = 'ended'
    this.#stopTimer()
    this.#stopWatch()
    const error = this.#deathError()
    this.#link.die(error)
    if (!silent) {
      const operator = this.#culprit()?.operator ?? null
      this.onEvent({ kind: 'SlotLost', error: errorToData(error), operator })
    }
    // What cannot be removed now goes when the next process of this host keeps something there.
    void this.#leaveFolders()
      .catch(() => {})
      .then(() => this.#resolveEnded())
  }

  #watch(setup: SlotSetup): void {
    this.#subtasks = subtasksOfSlot(setup.plan, setup.slot, setup.slots)
    // Counters outlive threads: a turn in which the thread before died is none of this one's.
    for (const { row } of this.#subtasks) leaveTurn(counterRow(setup.counters, row))
    this.#stopWatch = watchForStalls({
      subtasks: this.#subtasks,
      counters: setup.counters,
      vitals: this.#vitals,
      stallMs: this.#stallMs,
      clock: this.#clock,
      stack: () => this.#thread.stack(),
      onStalled: (event) => this.onEvent(event),
      onKill: (error) => void this.#kill({ how: 'stalled', cause: error }),
      onLongTurn: (subtask) => void this.#weigh(subtask),
    })
  }

  /** The thread's own guard looks between turns; in a long one only this side can. */
  async #weigh({ operator, index }: WatchedSubtask): Promise<void> {
    if (this.#memoryBytesMax === 0 || this.#isWeighing) return
    this.#isWeighing = true
    const heapBytes = await this.#thread.heapBytes()
    this.#isWeighing = false
    if (heapBytes === null || !isTurnOverBudget(heapBytes, this.#memoryBytesMax)) return
    const seenIn = { operator, subtask: index }
    const cause = overBudget(this.index, seenIn, null, heapBytes, this.#memoryBytesMax)
    await this.#kill({ how: 'heap limit', cause })
  }

  /** Whose turn was running; between turns it is certain only where there is but one subtask. */
  #culprit(): WatchedSubtask | null {
    const running = this.#vitals.running
    if (running === null) return this.#subtasks.length === 1 ? this.#subtasks[0]! : null
    return this.#subtasks.find((it) => isSame(it, running)) ?? null
  }

  #deathError(): MillraceError {
    const { how, cause } = this.#reason ?? { how: 'killed', cause: new Error('closed') }
    const culprit = this.#culprit()
    const last = this.#vitals.last
    const lastRun = last && this.#subtasks.find((it) => isSame(it, last))
    return new MillraceError(
      'E_WORKER_DIED',
      `slot ${this.index} died${inOperator(culprit)}: ${cause.message}. ${ADVICE[how]}`,
      {
        cause,
        retryable: how !== 'heap limit',
        details: {
          slot: this.index,
          how,
          ...(culprit && { operator: culprit.operator, subtask: culprit.index }),
          ...(lastRun && !culprit && { lastOperator: lastRun.operator }),
        },
      },
    )
  }
}

type How = DeathNotice['how'] | 'heap limit' | 'killed' | 'stalled' | 'broken'

interface Reason {
  readonly how: How
  readonly cause: Error
}

const ADVICE: Readonly<Record<How, string>> = {
  threw: 'Catch the error where it is thrown; outside of an operator nothing else can.',
  exited: 'User code must not end the thread; throw instead.',
  'heap limit':
    'One turn allocated more than the thread may hold: raise memoryBytesMax or keep less.',
  killed: 'It was ended on purpose.',
  stalled: 'A turn must end: move long work to an asynchronous function, or raise stallMs.',
  broken: 'A message could not be read.',
}

function assertBundle(kind: 'pipeline' | 'bundle'): void {
  if (kind === 'bundle') return
  throw new MillraceError(
    'E_PIPELINE_IN_THREAD',
    'a composed pipeline cannot be moved to a worker thread; give the URL of its module instead',
  )
}

function howOf(error: Error): How {
  return (error as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'heap limit' : 'threw'
}

function isSame(a: { chain: number; index: number }, b: { chain: number; index: number }) {
  return a.chain === b.chain && a.index === b.index
}

function inOperator(culprit: WatchedSubtask | null): string {
  return culprit === null ? '' : ` in "${culprit.operator}" (subtask ${culprit.index})`
}

function slowTermination(slot: number): SlotEvent {
  return {
    kind: 'Log',
    level: 'warn',
    message:
      `slot ${slot} has not ended after ${TERMINATE_MS} ms: its thread is in a native call, which ` +
      'cannot be interrupted. It counts as lost; what the call does may still take effect.',
    details: { slot },
  }
}
