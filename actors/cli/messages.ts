/** What a job does and what goes wrong with it, as lines for people. Pure. */
import { userFrame } from '../../lib/base/call-site.js'
import { type ErrorData, errorToData } from '../../lib/base/errors.js'
import type { RestoreReport } from '../../lib/snapshot/restore-plan.js'
import type { Failure } from '../../lib/supervision/failure.js'
import type { JobEvent } from '../index.js'
import { showBytes, showDuration, slotsText } from './quantity.js'

/** What is shown: the least, the usual, or all. */
export type Detail = 'quiet' | 'usual' | 'verbose'

/** Frames of a stalled subtask's stack that are shown. */
const STALL_FRAMES_MAX = 3

/** The line of an event; null where it is not worth one. */
export function eventText(event: JobEvent, detail: Detail): string | null {
  if (detail === 'quiet') return null
  switch (event.kind) {
    case 'RegionRestarting':
      return `restarting region ${event.region} in ${showDuration(event.delayMs)}, attempt ${event.attempt} (${event.guarantee})`
    case 'SubtaskReplacing':
      return `replacing ${event.operator}[${event.subtask}] in ${showDuration(event.delayMs)}; its state is lost`
    case 'SubtaskStalled':
      return `${event.operator}[${event.subtask}] has made no progress for ${showDuration(event.stalledMs)}${stallStack(event.stack)}`
    case 'Log':
      return event.level === 'warn' || detail === 'verbose' ? event.message : null
    case 'StateChanged':
      return detail === 'verbose' ? `${event.from} → ${event.to}` : null
    case 'Rescaled':
      return `rescaled from ${slotsText(event.had)} to ${slotsText(event.slots)}`
    case 'SnapshotCompleted':
      return detail === 'verbose' || event.savepoint
        ? `${event.savepoint ? 'savepoint' : 'checkpoint'} ${event.round}: ${showBytes(event.bytes)} in ${showDuration(event.durationMs)}${overtakenText(event.overtakenBytes)}`
        : null
    case 'Restored':
      return `going on from ${event.savepoint ? 'savepoint' : 'checkpoint'} ${event.round} in ${event.directory}: ${restoreText(event)}`
    case 'SnapshotAbandoned':
      return `checkpoint ${event.round} was given up: ${event.reason}`
    case 'SubtaskFinished':
      return detail === 'verbose' ? `${event.operator}[${event.subtask}] finished` : null
  }
}

function restoreText({ kept, added, dropped }: RestoreReport): string {
  const list = (names: readonly string[]) => (names.length === 0 ? 'none' : names.join(', '))
  return `kept ${list(kept)}; new ${list(added)}; dropped ${list(dropped)}`
}

const overtakenText = (bytes: number | null): string =>
  bytes === null ? '' : `, unaligned, ${showBytes(bytes)} in flight`

function stallStack(stack: string | null): string {
  if (stack === null) return ''
  const frames = stack.split('\n').filter((line) => /^\s*at /.test(line))
  return frames
    .slice(0, STALL_FRAMES_MAX)
    .map((frame) => `\n    ${frame.trim()}`)
    .join('')
}

/** Null for a failure that ends the job: that one is told at the end. */
export function failureText(failure: Failure, detail: Detail): string | null {
  const goesOn = failure.decision === 'restart' || failure.decision === 'resume'
  if (!goesOn || detail === 'quiet') return null
  const text = errorText(failure.error, detail === 'verbose')
  return `failure ${failure.id}: ${namesOperator(failure, text) ? '' : who(failure)}${text}`
}

const namesOperator = ({ operator }: Failure, text: string) =>
  operator !== null && text.split('\n', 1)[0]!.includes(operator)

function who({ operator, subtask }: Failure): string {
  if (operator === null) return ''
  return subtask === null ? `${operator}: ` : `${operator}[${subtask}]: `
}

/**
 * An error in one message: its own and, where it does not quote them, those of its causes; the
 * user's line; with `stacks` everything that is known.
 */
export function errorText(thrown: unknown, stacks: boolean): string {
  const error = isErrorData(thrown) ? thrown : errorToData(thrown)
  const chain = causesOf(error)
  if (stacks) return chain.map((data) => data.stack ?? titled(data)).join('\ncaused by: ')
  const [first, ...causes] = chain
  const said = [first!.code === null ? titled(first!) : first!.message]
  for (const cause of causes) {
    if (!said.some((text) => text.includes(cause.message))) said.push(titled(cause))
  }
  return said.join(': ') + placeText(chain, said)
}

/** Where in the user's code: for what user code threw, not for failures of the world. */
function placeText(chain: readonly ErrorData[], said: readonly string[]): string {
  const thrown = chain.find(({ code, stack }) => code === null && stack !== null)
  if (thrown === undefined) return ''
  const at = userFrame(thrown.stack!)
  const isPlace = /:\d+:\d+$/.test(at)
  return !isPlace || said.some((text) => text.includes(at.replace(/^.*[/\\]/, '')))
    ? ''
    : `\n    at ${at}`
}

const titled = ({ name, message }: ErrorData) => (message === '' ? name : `${name}: ${message}`)

function causesOf(error: ErrorData): readonly ErrorData[] {
  return error.cause === null ? [error] : [error, ...causesOf(error.cause)]
}

/** True where the error, or one of its causes, has this code. */
export function hasCode(thrown: unknown, code: string): boolean {
  const error = isErrorData(thrown) ? thrown : errorToData(thrown)
  return causesOf(error).some((data) => data.code === code)
}

const isErrorData = (thrown: unknown): thrown is ErrorData =>
  typeof thrown === 'object' &&
  thrown !== null &&
  !(thrown instanceof Error) &&
  'retryable' in thrown &&
  'cause' in thrown
