/**
 * Buckets: directories below that of a sink, named by records. What records say is never trusted to
 * stay below it.
 */
import { realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { MillraceError } from '../base/errors.js'
import { makeDirectory } from './sync-directory.js'

const SEGMENT_BYTES_MAX = 200
const DEPTH_MAX = 16

/** Throws `E_BAD_BUCKET`. */
export function assertBucket(bucket: unknown, operator: string): void {
  if (bucket === '') return
  const segments = typeof bucket === 'string' ? bucket.split('/') : ['']
  if (segments.length <= DEPTH_MAX && segments.every(isSegment)) return
  throw new MillraceError(
    'E_BAD_BUCKET',
    `${operator}: a bucket must be a path like 2024-06-01/oslo: no part of it is empty, begins with a dot, ` +
      `or has control characters, backslashes or over ${SEGMENT_BYTES_MAX} bytes; ` +
      `seen: ${String(JSON.stringify(bucket)).slice(0, 300)}`,
    { details: { operator } },
  )
}

function isSegment(segment: string): boolean {
  if (segment === '' || segment.startsWith('.')) return false
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for.
  return !/[\u0000-\u001f\u007f\\]/.test(segment) && Buffer.byteLength(segment) <= SEGMENT_BYTES_MAX
}

/** Makes the directory of a bucket. Throws where a link leads out of the sink's own. */
export async function makeBucket(root: string, bucket: string): Promise<string> {
  const directory = join(root, bucket)
  await makeDirectory(directory)
  if (bucket === '') return directory
  const [realRoot, real] = [await realpath(root), await realpath(directory)]
  if (real.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep)) return directory
  throw new MillraceError(
    'E_BAD_BUCKET',
    `${directory} is a link to ${real}, out of ${realRoot}: part files are written below it only`,
    { details: { file: directory } },
  )
}
