/** Calls of the user's functions, whose errors the operator's policy decides. */
import type { OperatorContext } from '../operator.js'
import type { SKIP } from '../record-error.js'

/** `call`, by which a record that fails is skipped, retried, or fails the subtask. */
export function guarded<R>(
  { errors }: OperatorContext,
  call: (record: unknown) => R,
): (record: unknown, key: unknown) => R | typeof SKIP {
  return (record, key) => {
    try {
      return call(record)
    } catch (error) {
      return errors.recover(error, record, key, () => call(record))
    }
  }
}
