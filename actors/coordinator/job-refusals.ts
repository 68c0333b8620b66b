/** Why a job of a cluster does not do what it is asked for. */
import { MillraceError } from '../../lib/base/errors.js'

export const hasNotBegun = (job: string): MillraceError =>
  new MillraceError(
    'E_JOB_NOT_RUNNING',
    `job ${job} does not run yet under the coordinator, which was started again: try that again when it does; it can be cancelled, or stopped without a savepoint, at once`,
    { retryable: true },
  )

export const hasNoCheckpoint = (job: string): MillraceError =>
  new MillraceError(
    'E_NO_SNAPSHOT',
    `job ${job} does not run yet, and has no checkpoint behind which it could stop: cancel it, or wait until it runs`,
    { retryable: true },
  )

export const hasEnded = (job: string): MillraceError =>
  new MillraceError('E_JOB_NOT_RUNNING', `job ${job} does not run`)

export const isMoving = (job: string): MillraceError =>
  new MillraceError('E_JOB_MOVING', `job ${job} is being moved`, { retryable: true })

export const isStopping = (job: string): MillraceError =>
  new MillraceError('E_JOB_STOPPING', `job ${job} is being stopped`, { retryable: true })

export const cannotMove = (job: string): MillraceError =>
  new MillraceError(
    'E_NO_CHECKPOINTS',
    `job ${job} takes no snapshots, so it cannot go on elsewhere from where it is: submit it with checkpoints`,
  )
