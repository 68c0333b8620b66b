/** The summary of a run, for people and, with `--summary`, for programs. */
import { constants } from 'node:fs'
import { access, stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { errorToData, MillraceError } from '../../lib/base/errors.js'
import type { Job, JobMetrics, JobSummary } from '../index.js'
import type { Colors } from './colors.js'
import { showDuration, showRate, showWhole } from './quantity.js'

/** Two lines: how it ended and what flowed; then, where there is something to say, what is missing. */
export function summaryText(summary: JobSummary, colors: Colors): string {
  const { pipeline, partial, wallMs, recordsIn, recordsOut } = summary
  const how = partial
    ? colors.yellow(`${ending(summary)} (partial)`)
    : colors.green(ending(summary))
  const rate = wallMs > 0 ? ` (${showRate((recordsIn * 1000) / wallMs)})` : ''
  const flow = `${showWhole(recordsIn)} records in${rate}, ${showWhole(recordsOut)} out`
  const head = `${pipeline} ${how} in ${showDuration(wallMs)}: ${flow}`
  const losses = lossesOf(summary)
  return losses.length === 0 ? head : `${head}\n  ${losses.join(', ')}`
}

const ending = ({ state }: JobSummary) => state.toLowerCase()

function lossesOf(summary: JobSummary): string[] {
  const counts = [
    [summary.skipped, 'skipped'],
    [summary.deadLetters, summary.deadLetters === 1 ? 'dead letter' : 'dead letters'],
    [droppedLate(summary), 'dropped late'],
    [summary.lost, 'lost'],
    [summary.restarts, summary.restarts === 1 ? 'restart' : 'restarts'],
  ] as const
  const said = counts.filter(([count]) => count > 0).map(([n, what]) => `${showWhole(n)} ${what}`)
  if (summary.restarts > 0) said.push(`results are ${summary.guarantee}`)
  const { lives, livesCounted } = summary
  if (livesCounted < lives) {
    said.push(`counted in ${livesCounted} of ${lives} lives: its coordinator died in the others`)
  }
  return said
}

/** By windows, of all operators together; which ones, the summary's chains tell. */
const droppedLate = ({ chains }: JobSummary): number =>
  chains
    .flatMap(({ operators }) => operators)
    .reduce((sum, { counters }) => sum + (counters.droppedLate ?? 0), 0)

/** Throws E_SUMMARY_FILE where the file could not be written: better before the job than after. */
export async function checkSummaryFile(file: string): Promise<void> {
  const found = await stat(file).catch(() => null)
  if (found?.isDirectory()) throw unwritable(file, 'it is a folder')
  await access(found === null ? dirname(resolve(file)) : file, constants.W_OK).catch((cause) => {
    throw unwritable(file, cause.message, cause)
  })
}

const unwritable = (file: string, why: string, cause?: unknown) =>
  new MillraceError('E_SUMMARY_FILE', `the summary file ${file} cannot be written: ${why}`, {
    cause,
  })

/** The summary as JSON; of a job that failed, its error and what was last measured. */
export type SummaryFile =
  | JobSummary
  | {
      readonly job: string
      readonly pipeline: string
      readonly state: Job['state']
      readonly error: { readonly code: string | null; readonly message: string }
      readonly chains: JobMetrics['chains']
    }

export function failedSummary(job: Job, thrown: unknown, last: JobMetrics | null): SummaryFile {
  const { code, message } = errorToData(thrown)
  return {
    job: job.id,
    pipeline: job.pipeline,
    state: job.state,
    error: { code, message },
    chains: last?.chains ?? [],
  }
}

export async function writeSummary(file: string, summary: SummaryFile): Promise<void> {
  await writeFile(file, `${JSON.stringify(summary, null, 2)}\n`)
}
