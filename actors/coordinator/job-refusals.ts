/** Why something that is asked of a job is not done. */
import { MillraceError } from '../../lib/base/errors.js'

const notRunning = (message: string): MillraceError =>
  new MillraceError('E_JOB_NOT_RUNNING', message, { retryable: true })

/** `waitsFor`: null where that is not known. */
export const hasNotBegun = (job: string, waitsFor: string | null): MillraceError =>
  notRunning(
    `job ${job} does not run yet under the coordinator, which was started again${because(waitsFor)}: try that again when it does; it can be cancelled, or stopped without a savepoint, at once`,
  )

/** No barrier can go through it, so that no snapshot of what it is now can be taken. */
export const waitsForPlaces = (job: string, waitsFor: string): MillraceError =>
  notRunning(
    `job ${job} has lost slots, and no savepoint can be written before it runs again; it waits for ${waitsFor}. ` +
      'It can be rescaled to what there is, stopped without a savepoint, behind its last checkpoint, or cancelled, at once',
  )

export const hasNoCheckpoint = (job: string, waitsFor: string | null): MillraceError =>
  new MillraceError(
    'E_NO_SNAPSHOT',
    `job ${job} does not run${because(waitsFor)}, and has no checkpoint behind which it could stop: cancel it, or wait until it runs`,
    { retryable: true },
  )

const because = (waitsFor: string | null): string =>
  waitsFor === null ? '' : ` (it waits for ${waitsFor})`

export const hasEnded = (job: string): MillraceError =>
  new MillraceError('E_JOB_NOT_RUNNING', `job ${job} does not run`)

export const isMoving = (job: string): MillraceError =>
  new MillraceError('E_JOB_MOVING', `job ${job} is being moved`, { retryable: true })

export const isStopping = (job: string): MillraceError =>
  new MillraceError('E_JOB_STOPPING', `job ${job} is being stopped`, { retryable: true })

/** Behind such a snapshot sources would have nothing left to read. */
export const isDraining = (job: string): MillraceError =>
  new MillraceError(
    'E_JOB_DRAINING',
    `job ${job} drains: its sources end, so that nothing could go on from a snapshot of it. ` +
      'It ends when what they have read is done; it can be moved, rescaled, or cancelled, at once',
  )

/** It was told to drain, and has ended otherwise. `cause`: null where it was cancelled. */
export const notDrained = (job: string, cause: Error | null): MillraceError =>
  cause === null
    ? new MillraceError('E_JOB_NOT_RUNNING', `job ${job} was cancelled before it had drained`)
    : new MillraceError(
        cause instanceof MillraceError ? cause.code : 'E_JOB_NOT_RUNNING',
        `job ${job} has failed before it had drained: ${cause.message}`,
        { cause, details: { job } },
      )

export const drainsLater = (job: string): MillraceError =>
  new MillraceError(
    'E_STOPPING',
    `the coordinator stops, and job ${job}, which has not drained yet, goes on to drain at its next start`,
    { retryable: true, details: { job } },
  )

/** Of a move that waits. */
export const replaced = (job: string): MillraceError =>
  new MillraceError('E_JOB_MOVING', `job ${job} was asked for another move meanwhile`, {
    retryable: true,
  })

export const cannotMove = (job: string): MillraceError =>
  new MillraceError(
    'E_NO_CHECKPOINTS',
    `job ${job} takes no snapshots, so it cannot go on elsewhere from where it is: submit it with checkpoints`,
  )

export const noRoom = (job: string, lacking: string): MillraceError =>
  new MillraceError(
    'E_NO_SLOT',
    `job ${job} was not moved, and goes on as it was: ${lacking}. Start a node, or end another job; rescale --wait waits for that`,
    { retryable: true, details: { job } },
  )

/** It has begun so, and could not go on. */
export const wentBack = (job: string, slots: number, had: number, cause: Error): MillraceError =>
  new MillraceError(
    cause instanceof MillraceError ? cause.code : 'E_JOB_MOVING',
    `job ${job} could not go on with ${slots} slots, and goes back to ${had}, from the same checkpoint: ${cause.message}`,
    { cause, retryable: true, details: { job } },
  )

/** Of a life that had not got its places: nothing of it is to run any more. */
export const givenUp = (job: string): MillraceError =>
  new MillraceError('E_JOB_MOVING', `job ${job} is being given another life`, { retryable: true })

/** Whoever asks for it again finds the job under the next one. */
export const coordinatorStops = (job: string, had: number): MillraceError =>
  new MillraceError(
    'E_STOPPING',
    `the coordinator stops, and job ${job} goes on with ${had} slots at its next start`,
    { retryable: true, details: { job } },
  )
