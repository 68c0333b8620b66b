/**
 * What is wrong with a graph. All problems of a pipeline are reported together: one error, whose
 * code is that of the first.
 */
import { type ErrorDetails, MillraceError } from '../base/errors.js'

export interface Problem {
  readonly code: string
  readonly message: string
  readonly details: ErrorDetails
}

/** Something the user has made, as it is named in messages. */
export interface Place {
  readonly label: string
  readonly at: string
}

/** `count (job.ts:10:7)` */
export const placed = (node: Place): string => `${node.label} (${node.at})`

/** A problem of one node; `text` goes on after the node's label and place. */
export const problemAt = (code: string, node: Place, text: string): Problem => ({
  code,
  message: `${placed(node)} ${text}`,
  details: { operator: node.label, at: node.at },
})

/** Throws when there is any problem. */
export function throwProblems(pipeline: string, problems: readonly Problem[]): void {
  const [first, ...more] = problems
  if (first === undefined) return
  const messages = [first, ...more].map((problem) => problem.message)
  const text =
    more.length === 0 ? ` ${messages[0]}` : messages.map((line) => `\n  - ${line}`).join('')
  throw new MillraceError(first.code, `pipeline '${pipeline}':${text}`, {
    details: { pipeline, ...first.details },
  })
}
