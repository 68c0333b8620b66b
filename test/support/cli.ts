/** A command line without a process, a job that does what a test says, and the real thing. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { filter, firstValueFrom, ReplaySubject, Subject } from 'rxjs'
import type { CliWorld, Output } from '../../actors/cli/world.js'
import type { Job, JobEvent, JobMetrics, JobSummary, RunModuleOptions } from '../../actors/index.js'
import type { Plan } from '../../lib/graph/plan.js'
import type { JobState } from '../../lib/job/job-record.js'
import { COUNTER_NAMES, type CounterValues } from '../../lib/metrics/counters.js'
import type { ChainMetrics } from '../../lib/metrics/sample.js'
import type { Failure } from '../../lib/supervision/failure.js'

export const MAIN = fileURLToPath(new URL('../../actors/cli/main.js', import.meta.url))
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** A terminal, or a pipe, that remembers what was written. */
export class FakeOutput implements Output {
  text = ''
  isTTY = false
  rows = 24
  columns = 80
  write(text: string): void {
    this.text += text
  }
  /** What was written since the last time, with ␛ for the escape character. */
  take(): string {
    const text = this.text.replaceAll('\x1b', '␛')
    this.text = ''
    return text
  }
}

/** Everything in the test's hand: time, signals, and the job that `run` starts. */
export class FakeWorld implements CliWorld {
  readonly version = '1.2.3'
  readonly env: NodeJS.ProcessEnv = {}
  readonly stdout = new FakeOutput()
  readonly stderr = new FakeOutput()
  readonly exits: number[] = []
  readonly started: { readonly module: URL; readonly options: RunModuleOptions }[] = []
  nowMs = 0
  readonly clock = {
    now: () => this.nowMs,
    wallTime: () => this.nowMs,
    after: () => () => {},
    soon: (task: () => void) => setImmediate(task),
  }
  readonly #interrupts = new Subject<void>()
  readonly #closes = new Subject<void>()
  readonly #exits = new Subject<void>()

  constructor(readonly job: FakeJob = new FakeJob()) {}

  interrupt = () => this.#interrupts.next()
  closeOutput = () => this.#closes.next()
  onInterrupt = (listener: () => void) => unsubscribing(this.#interrupts, listener)
  onOutputClosed = (listener: () => void) => unsubscribing(this.#closes, listener)
  onExit = (listener: () => void) => unsubscribing(this.#exits, listener)
  exit = (code: number) => {
    this.exits.push(code)
    this.#exits.next()
  }
  loadRun = async () => (module: URL, options: RunModuleOptions) => {
    this.started.push({ module, options })
    return this.job
  }
}

function unsubscribing(subject: Subject<void>, listener: () => void): () => void {
  const subscription = subject.subscribe(listener)
  return () => subscription.unsubscribe()
}

/** A job that ends when the test settles it. */
export class FakeJob implements Job {
  readonly id = 'sales-1'
  readonly pipeline = 'sales'
  state: JobState = 'Running'
  readonly events$ = new Subject<JobEvent>()
  readonly failures$ = new ReplaySubject<Failure>()
  readonly metrics$ = new Subject<JobMetrics>()
  readonly results$ = new Subject<unknown>()
  readonly calls: string[] = []
  readonly plan: Promise<Plan>
  readonly done: Promise<JobSummary>
  planned!: (plan: Plan) => void
  unplanned!: (error: Error) => void
  finish!: (summary: JobSummary) => void
  fail!: (error: Error) => void

  constructor() {
    this.plan = new Promise((resolve, reject) => {
      this.planned = resolve
      this.unplanned = reject
    })
    this.done = new Promise((resolve, reject) => {
      this.finish = resolve
      this.fail = reject
    })
  }
  async cancel(): Promise<void> {
    this.calls.push('cancel')
  }
  async drain(): Promise<void> {
    this.calls.push('drain')
  }
  async restartRegion(region: number): Promise<void> {
    this.calls.push(`restartRegion ${region}`)
  }
  async savepoint(directory: string) {
    this.calls.push('savepoint')
    return { round: 1, directory, durationMs: 1 }
  }
  async stop(directory = '') {
    this.calls.push('stop')
    return { round: 1, directory, durationMs: 1 }
  }
}

/** As many chains as names, one behind the other. */
export function planOf(...names: string[]): Plan {
  return {
    pipeline: 'sales',
    fingerprint: 'f'.repeat(64),
    maxParallelism: 128,
    chains: names.map((name, id) => ({
      id,
      name,
      steps: [],
      parallelism: 2,
      keyed: false,
      inputs: id === 0 ? [] : [id - 1],
      outputs: id === names.length - 1 ? [] : [id],
    })),
    edges: [],
    regions: [],
    demanded: 'at-least-once',
    guarantee: 'at-least-once',
    weakest: null,
    warnings: [],
  }
}

export function chainMetrics(chain: string, values: Partial<ChainMetrics> = {}): ChainMetrics {
  return {
    chain,
    parallelism: 2,
    totals: counters({}),
    recordsInPerSecond: 0,
    recordsOutPerSecond: 0,
    busy: 0,
    idle: 1,
    backPressured: 0,
    operators: [],
    ...values,
  }
}

export const counters = (values: Partial<CounterValues>): CounterValues =>
  ({
    ...Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0])),
    ...values,
  }) as unknown as CounterValues

export const SUMMARY: JobSummary = {
  job: 'sales-1',
  pipeline: 'sales',
  state: 'Finished',
  partial: false,
  wallMs: 2000,
  recordsIn: 10_000,
  recordsOut: 20,
  skipped: 0,
  deadLetters: 0,
  lives: 1,
  livesCounted: 1,
  lost: 0,
  restarts: 0,
  guarantee: 'at-least-once',
  chains: [],
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface SpawnOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly input?: string
}

/** Runs the real command line to its end. */
export function spawnCli(args: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
  return startCli(args, options).ended
}

/** Starts the real command line; the test may signal it, or close what it reads. */
export function startCli(args: readonly string[], options: SpawnOptions = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
  })
  const said = { stdout: '', stderr: '' }
  const heard = new Subject<void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
      heard.next()
    })
  }
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => {
      heard.complete()
      resolve({ code, ...said })
    })
  })
  /** Resolves when what it has said so far is as expected; rejects when it ends before. */
  async function until(isExpected: (said: Omit<Ended, 'code'>) => boolean): Promise<void> {
    await firstValueFrom(heard.pipe(filter(() => isExpected(said))))
  }
  return { child, ended, until }
}
