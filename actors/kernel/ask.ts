/** A question to an actor as a promise, for code outside of actors. */
import type { Clock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import { type ActorRef, isWatchable, whenEnded } from './ref.js'

/**
 * Sends what `question` makes of a reply address, and resolves with the first answer to it.
 *
 * Rejects with `E_ASK_TIMEOUT` after `timeoutMs`, with `E_ASK_STOPPED` as soon as the actor has
 * stopped without answering, with `E_MAILBOX_FULL` where it cannot take the question.
 */
export function ask<M, R>(
  clock: Clock,
  ref: ActorRef<M>,
  question: (reply: ActorRef<R>) => M,
  timeoutMs: number,
): Promise<R> {
  return new Promise((resolve, reject) => {
    const answer = (value: R): void => {
      release()
      resolve(value)
    }
    const refuse = (code: string, what: string): void => {
      release()
      const message = `${ref.path} ${what}`
      reject(new MillraceError(code, message, { retryable: true, details: { actor: ref.path } }))
    }
    const cancel = clock.after(timeoutMs, () =>
      refuse('E_ASK_TIMEOUT', `did not answer within ${timeoutMs} ms`),
    )
    let isOver = false
    let unwatch = () => {}
    const release = (): void => {
      isOver = true
      cancel()
      unwatch()
    }
    try {
      ref.tell(question({ path: `${ref.path}?`, tell: answer, control: answer }))
    } catch (thrown) {
      release()
      reject(thrown)
      return
    }
    if (isOver || !isWatchable(ref)) return
    unwatch = ref[whenEnded](() => refuse('E_ASK_STOPPED', 'stopped before it answered'))
  })
}
