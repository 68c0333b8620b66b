/** Record error policies as the graph sees them: in words, and whether dead letters may follow. */
import type { DeadLetterUse } from '../graph/draft.js'
import type { RecordErrorPolicy } from '../operators/record-error.js'

/** What the source text of functions is hashed with. */
type HashOf = (functions: readonly ((...args: never[]) => unknown)[]) => string

/** `fail`, `retry 3 then skip`, `decided by function 0123…`: also what the fingerprint sees. */
export function policyText(policy: RecordErrorPolicy, hashOf: HashOf): string {
  if (typeof policy === 'function') return `decided by function ${hashOf([policy])}`
  if (typeof policy === 'string') return policy
  return `retry ${policy.retry} then ${policy.otherwise ?? 'fail'}`
}

/** A function may decide for a dead letter at any time: nobody knows beforehand. */
export function deadLetterUse(policy: RecordErrorPolicy): DeadLetterUse {
  if (typeof policy === 'function') return 'perhaps'
  const last = typeof policy === 'string' ? policy : policy.otherwise
  return last === 'deadLetter' ? 'always' : 'never'
}
