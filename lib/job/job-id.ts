/** Names of jobs: of what, and which one. They become names of files and directories. */
import { MillraceError } from '../base/errors.js'

const NAME_LENGTH_MAX = 48
const JOB_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,47}-[0-9a-f]{8}$/

/** Of a pipeline, or of the file it is in; `mark`: eight hexadecimal digits that no other has. */
export function jobIdOf(name: string, mark: string): string {
  const plain = name.replace(/\.\w+$/, '').replaceAll(/[^A-Za-z0-9_-]+/g, '-')
  const begun = plain.replace(/^[-_]+/, '').slice(0, NAME_LENGTH_MAX)
  return `${begun === '' ? 'job' : begun}-${mark}`
}

/** Without the mark. */
export const jobNameIn = (id: string): string => id.slice(0, id.lastIndexOf('-'))

/** Throws E_BAD_JOB_ID. */
export function checkJobId(id: unknown): void {
  if (typeof id === 'string' && JOB_ID.test(id)) return
  const seen = JSON.stringify(String(id).slice(0, 80))
  throw new MillraceError(
    'E_BAD_JOB_ID',
    `expected the id of a job such as sales-0a1b2c3d, saw ${seen}`,
  )
}
