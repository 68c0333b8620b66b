/** What whole jobs are tested with: job modules by name, and waiting that ends at a deadline. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { filter, firstValueFrom, type Observable } from 'rxjs'
import type { Test } from 'tap'
import { type Job, type JobSummary, type RunModuleOptions, run } from '../../actors/index.js'
import type { Failure } from '../../lib/supervision/failure.js'

/** Generous: it only ends a test that would hang. */
export const DEADLINE_MS = 90_000

/** Runs a job module of this folder on worker threads; whatever becomes of the test, it ends. */
export function runModule(t: Test, name: string, options: RunModuleOptions): Job {
  return ending(t, run(new URL(`./jobs/${name}.js`, import.meta.url), options))
}

export function ending(t: Test, job: Job): Job {
  t.teardown(() => job.cancel())
  return job
}

/** Rejects where the promise has not settled in time. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** The first value of which `holds` is true. */
export function first<T>(values$: Observable<T>, holds: (value: T) => boolean): Promise<T> {
  return within(DEADLINE_MS, String(holds), firstValueFrom(values$.pipe(filter(holds))))
}

export interface Ended {
  readonly summary: JobSummary | null
  readonly error: (Error & { readonly code?: string }) | null
  readonly results: readonly unknown[]
  readonly failures: readonly Failure[]
}

/** Runs it to its end; a failure of the job is an outcome like any other. */
export async function ended(job: Job, ms = DEADLINE_MS): Promise<Ended> {
  const results: unknown[] = []
  const failures: Failure[] = []
  job.results$.subscribe({ next: (result) => results.push(result), error: () => {} })
  job.failures$.subscribe((failure) => failures.push(failure))
  const { summary, error } = await within(
    ms,
    `the end of ${job.pipeline}`,
    job.done.then(
      (summary) => ({ summary, error: null }),
      (error: Error) => ({ summary: null, error }),
    ),
  )
  return { summary, error, results, failures }
}

/** A file that says when a fault has happened; it happens where there is no file yet. */
export interface Marker {
  readonly path: string
  readonly atMs: number
}

export function marker(t: Test): Marker {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'fault')
  return {
    path,
    get atMs() {
      return Number(readFileSync(path, 'utf8'))
    },
  }
}
