/**
 * The job's notice board: what the job actor reports and the user's handle shows. All observables of
 * the handle are fed here and only here.
 */
import type { Clock } from '../../lib/base/clock.js'
import { type ErrorData, errorFromData } from '../../lib/base/errors.js'
import { Observable, ReplaySubject, Subject } from '../../lib/base/rxjs.js'
import { type Guarantee, MAIN } from '../../lib/graph/graph.js'
import type { Plan } from '../../lib/graph/plan.js'
import { subtaskName } from '../../lib/graph/subtasks.js'
import type { JobState } from '../../lib/job/job-record.js'
import { type CounterValues, counterRow, readCounters } from '../../lib/metrics/counters.js'
import {
  type ChainMetrics,
  measureChain,
  type OperatorMetrics,
  sumCounters,
} from '../../lib/metrics/sample.js'
import type { Manifest } from '../../lib/snapshot/manifest.js'
import type { RestoreReport } from '../../lib/snapshot/restore-plan.js'
import { createFailure, type Failure } from '../../lib/supervision/failure.js'
import type { CheckpointReport } from '../checkpoint/protocol.js'
import type { SubtaskReport } from '../worker/protocol.js'
import type { JobEvent, JobMetrics, JobSummary } from './job.js'
import { type Reported, readOperators } from './operator-counts.js'
import type { FailedRegion } from './protocol.js'

interface Settle<T> {
  resolve(value: T): void
  reject(error: Error): void
}

/** Failures and events kept for those who subscribe late. */
const KEPT = 256

export interface JobBoardParts {
  readonly job: string
  readonly clock: Clock
  readonly metricsIntervalMs: number
  /** As of `RunWorld`. */
  readonly deliver: (records: readonly unknown[]) => Promise<void>
}

interface Planned {
  readonly plan: Plan
  /** Counter rows by chain. */
  readonly rows: readonly (readonly Float64Array[])[]
  /** Counts of a chain's operators. */
  readonly operators: (
    chain: number,
    totals: CounterValues,
    reported: Reported,
  ) => readonly OperatorMetrics[]
}

const UNPLANNED: Planned = {
  plan: {
    pipeline: '',
    fingerprint: '',
    maxParallelism: 1,
    chains: [],
    edges: [],
    regions: [],
    demanded: 'best-effort',
    guarantee: 'best-effort',
    weakest: null,
    warnings: [],
  },
  rows: [],
  operators: () => [],
}

export class JobBoard {
  readonly #parts: JobBoardParts
  readonly #events = new ReplaySubject<JobEvent>(KEPT)
  readonly #failures = new ReplaySubject<Failure>(KEPT)
  readonly #results = new Subject<unknown>()
  /** When planning began, and from then on when the job first ran. */
  #startedMs: number
  #hasRun = false
  readonly plan: Promise<Plan>
  readonly done: Promise<JobSummary>
  #settlePlan!: Settle<Plan>
  #settleDone!: Settle<JobSummary>
  #planned = UNPLANNED
  readonly #reported = new Map<string, SubtaskReport>()
  #state: JobState = 'Created'
  #restarts = 0
  #failureCount = 0
  #drained = false
  #ended = false

  readonly events$ = this.#events.asObservable()
  readonly failures$ = this.#failures.asObservable()
  readonly results$ = this.#results.asObservable()
  readonly metrics$: Observable<JobMetrics> = new Observable((subscriber) => {
    let before = this.#readChains()
    let beforeMs = this.#parts.clock.now()
    const sample = () => {
      const nowMs = this.#parts.clock.now()
      const totals = this.#readChains()
      subscriber.next(this.#metrics(totals, before, nowMs - beforeMs))
      // It may have unsubscribed upon what it got.
      if (subscriber.closed) return
      before = totals
      beforeMs = nowMs
      cancel = this.#parts.clock.after(this.#parts.metricsIntervalMs, sample)
    }
    let cancel = this.#parts.clock.after(this.#parts.metricsIntervalMs, sample)
    const ended = this.#events.subscribe({ complete: () => subscriber.complete() })
    return () => {
      cancel()
      ended.unsubscribe()
    }
  })

  constructor(parts: JobBoardParts) {
    this.#parts = parts
    this.#startedMs = parts.clock.now()
    this.plan = new Promise((resolve, reject) => {
      this.#settlePlan = { resolve, reject }
    })
    this.done = new Promise((resolve, reject) => {
      this.#settleDone = { resolve, reject }
    })
    // Whoever is interested asks; a job nobody waits for must not end the process.
    this.plan.catch(() => {})
    this.done.catch(() => {})
  }

  /** `names`: of the graph's nodes, by id. */
  planned(
    plan: Plan,
    names: readonly string[],
    counters: SharedArrayBuffer,
    operatorCounters: SharedArrayBuffer,
  ): void {
    let row = 0
    const rows = plan.chains.map(({ parallelism }) =>
      Array.from({ length: parallelism }, () => counterRow(counters, row++)),
    )
    const operators: Planned['operators'] = (chain, totals, reported) =>
      readOperators(plan, chain, names, operatorCounters, totals, reported)
    this.#planned = { plan, rows, operators }
    this.#settlePlan.resolve(plan)
  }

  get state(): JobState {
    return this.#state
  }

  stateChanged(from: JobState, to: JobState): void {
    this.#state = to
    if (to === 'Draining') this.#drained = true
    if (to === 'Running' && !this.#hasRun) {
      this.#hasRun = true
      this.#startedMs = this.#now()
    }
    this.#emit({ kind: 'StateChanged', atMs: this.#now(), from, to })
  }

  subtaskFinished(operator: string, subtask: number): void {
    this.#emit({ kind: 'SubtaskFinished', atMs: this.#now(), operator, subtask })
  }

  subtaskStalled(operator: string, subtask: number, stalledMs: number, stack: string | null): void {
    this.#emit({
      kind: 'SubtaskStalled',
      atMs: this.#now(),
      operator,
      subtask,
      stalledMs,
      stack,
    })
  }

  restarting(region: number, attempt: number, delayMs: number, guarantee: Guarantee): void {
    this.#restarts++
    this.#emit({
      kind: 'RegionRestarting',
      atMs: this.#now(),
      region,
      attempt,
      delayMs,
      guarantee,
    })
  }

  replacing(operator: string, subtask: number, delayMs: number): void {
    this.#restarts++
    this.#emit({ kind: 'SubtaskReplacing', atMs: this.#now(), operator, subtask, delayMs })
  }

  snapshot(report: CheckpointReport): void {
    const atMs = this.#now()
    if (report.kind === 'completed') {
      this.#emit({ ...report, kind: 'SnapshotCompleted', atMs })
    } else
      this.#emit({ kind: 'SnapshotAbandoned', atMs, round: report.round, reason: report.reason })
  }

  restored({ kind, round }: Manifest, directory: string, report: RestoreReport): void {
    const savepoint = kind === 'savepoint'
    this.#emit({ kind: 'Restored', atMs: this.#now(), round, savepoint, directory, ...report })
  }

  log(level: 'info' | 'warn', message: string): void {
    this.#emit({ kind: 'Log', atMs: this.#now(), level, message })
  }

  metricsReported(reports: readonly SubtaskReport[]): void {
    for (const report of reports) {
      const name = subtaskName(report.subtask)
      const attempt = this.#reported.get(name)?.attempt ?? 0
      if (report.attempt >= attempt) this.#reported.set(name, report)
    }
  }

  /** The failure as a record about which nothing has been decided. */
  describeFailure({ operator, subtask, error }: FailedRegion, attempt: number): Failure {
    const { job, clock } = this.#parts
    const index = subtask < 0 ? null : subtask
    const path = index === null ? `${job}/${operator}` : `${job}/${operator}/${subtask}`
    const failure = createFailure({
      id: ++this.#failureCount,
      wallTimeMs: clock.wallTime(),
      path,
      during: 'work',
      thrown: errorFromData(error),
      attempt,
    })
    return { ...failure, operator: failure.operator ?? operator, subtask: index ?? failure.subtask }
  }

  failure(failure: Failure): void {
    this.#failures.next(failure)
  }

  /** Hands results to the subscribers of `results$`, one by one. Resolves when more may come. */
  publishResults(records: readonly unknown[]): Promise<void> {
    for (const record of records) this.#results.next(record)
    return this.#parts.deliver(records)
  }

  ended(state: JobState, cause: ErrorData | null): void {
    if (this.#ended) return
    this.#ended = true
    this.#state = state
    const error = cause === null ? null : errorFromData(cause)
    if (error === null) this.#results.complete()
    else this.#results.error(error)
    this.#failures.complete()
    this.#events.complete()
    if (error === null) this.#settleDone.resolve(this.summary(state))
    else this.#settleDone.reject(error)
    this.#settlePlan.reject(error ?? new Error('the job ended before it was planned'))
  }

  summary(state: JobState = this.#state): JobSummary {
    const totals = this.#readChains()
    const wallMs = this.#now() - this.#startedMs
    const { chains } = this.#metrics(totals, null, wallMs)
    const all = sumCounters(totals)
    const { plan } = this.#planned
    const isFirst = (_: ChainMetrics, index: number) => plan.chains[index]!.inputs.length === 0
    const isLast = (_: ChainMetrics, index: number) =>
      plan.chains[index]!.outputs.every((edge) => plan.edges[edge]!.output !== MAIN)
    const sum = (rows: readonly ChainMetrics[], name: 'recordsIn' | 'recordsOut') =>
      rows.reduce((count, chain) => count + chain.totals[name], 0)
    return {
      job: this.#parts.job,
      pipeline: plan.pipeline,
      state,
      partial: this.#drained || state !== 'Finished',
      wallMs,
      recordsIn: sum(chains.filter(isFirst), 'recordsIn'),
      recordsOut: sum(chains.filter(isLast), 'recordsOut'),
      skipped: all.skipped,
      deadLetters: all.deadLetters,
      lost: all.lost,
      restarts: this.#restarts,
      lives: 1,
      livesCounted: 1,
      guarantee: plan.guarantee,
      chains,
    }
  }

  #metrics(
    totals: readonly ReturnType<typeof sumCounters>[],
    before: readonly ReturnType<typeof sumCounters>[] | null,
    elapsedMs: number,
  ): JobMetrics {
    const chains = this.#planned.plan.chains.map((chain, index) =>
      measureChain(
        chain,
        before?.[index] ?? null,
        totals[index]!,
        elapsedMs,
        this.#planned.operators(index, totals[index]!, this.#reported),
      ),
    )
    return { atMs: this.#now(), state: this.#state, chains }
  }

  #readChains() {
    return this.#planned.rows.map((rows) => sumCounters(rows.map(readCounters)))
  }

  #emit(event: JobEvent): void {
    this.#events.next(event)
  }

  #now(): number {
    return this.#parts.clock.now()
  }
}
