/**
 * The commit of pending parts: `link(pending, final)`, sync of the directory, `unlink(pending)`. It can
 * be interrupted anywhere, and done again, by any process. A final file that is there already counts
 * as committed only with the bytes that were prepared.
 */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, opendir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MillraceError } from '../base/errors.js'
import { failpoint } from '../base/failpoint.js'
import type { Json } from '../base/json.js'
import { fileError } from './file-error.js'
import { type FormerPart, formerPart, pendingName } from './part-name.js'
import type { ClearedRun, SinkContext } from './sink.js'
import { syncDirectory } from './sync-directory.js'

/** A part that waits for its commit, as the snapshot holds it. */
export interface PendingPart {
  /** Of the sink, as the user gave it. */
  readonly directory: string
  /** Its directory below that; empty for the sink's own. */
  readonly bucket: string
  /** That it will have. */
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']

export async function commitParts(transactions: readonly Json[]): Promise<void> {
  const parts = transactions.map(readPart)
  for (const part of parts) {
    failpoint('part-link.before')
    await show(part)
    failpoint('part-link.after')
  }
  await syncDirectories(parts)
  for (const part of parts) {
    failpoint('part-unlink.before')
    await removePending(part)
    failpoint('part-unlink.after')
  }
}

/** What is committed already stays. */
export async function discardParts(transactions: readonly Json[]): Promise<void> {
  for (const transaction of transactions) await removePending(readPart(transaction))
}

export async function syncDirectories(parts: readonly PendingPart[]): Promise<void> {
  const directories = new Set(parts.map(({ directory, bucket }) => join(directory, bucket)))
  for (const directory of directories) {
    try {
      await syncDirectory(directory)
    } catch (cause) {
      throw fileError(cause, 'sync', directory)
    }
  }
}

/** Deletes what former attempts have left below `directory` and `keep` does not name. */
export async function removeFormerParts(
  directory: string,
  prefix: string,
  keep: readonly Json[],
  context: SinkContext,
): Promise<void> {
  const kept = new Set(keep.map((transaction) => readPart(transaction).name))
  await removeParts(directory, prefix, context, ({ final }) => final === null || !kept.has(final))
}

/** Deletes what earlier attempts of this run have left below `directory`, and nobody will commit. */
export const removePartsOfRun = (
  directory: string,
  prefix: string,
  place: ClearedRun,
): Promise<void> => removeParts(directory, prefix, place, ({ isOfRun }) => isOfRun)

async function removeParts(
  directory: string,
  prefix: string,
  place: ClearedRun,
  isGarbage: (part: FormerPart) => boolean,
): Promise<void> {
  for await (const { parent, name } of filesBelow(directory)) {
    const former = formerPart(name, prefix, place)
    if (former === null || !isGarbage(former)) continue
    failpoint('part-clear.before')
    await remove(join(parent, name))
    failpoint('part-clear.after')
  }
}

async function* filesBelow(directory: string) {
  try {
    for await (const entry of await opendir(directory, { recursive: true })) {
      if (entry.isFile()) yield { parent: entry.parentPath ?? entry.path, name: entry.name }
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT')
      throw fileError(cause, 'list', directory)
  }
}

async function show(part: PendingPart): Promise<void> {
  const final = join(part.directory, part.bucket, part.name)
  try {
    await link(pendingOf(part), final)
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException
    if (NO_LINKS.includes(code)) throw noLinks(part, cause)
    if (code !== 'EEXIST' && code !== 'ENOENT') throw fileError(cause, 'commit', final)
    await assertCommitted(final, part)
  }
}

async function assertCommitted(final: string, { bytes, sha256 }: PendingPart): Promise<void> {
  const found = await stat(final).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null
    throw fileError(cause, 'read', final)
  })
  if (found === null) {
    throw lost(
      final,
      'neither it nor its pending part is there, so this part of the output is lost',
    )
  }
  if (found.size !== bytes) throw lost(final, `it has ${found.size} bytes; ${bytes} were prepared`)
  if ((await sha256Of(final)) !== sha256) throw lost(final, 'it has other bytes than were prepared')
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  try {
    for await (const bytes of createReadStream(file)) hash.update(bytes as Buffer)
  } catch (cause) {
    throw fileError(cause, 'read', file)
  }
  return hash.digest('hex')
}

const removePending = (part: PendingPart): Promise<void> => remove(pendingOf(part))

async function remove(file: string): Promise<void> {
  try {
    await rm(file, { force: true })
  } catch (cause) {
    throw fileError(cause, 'delete', file)
  }
}

const pendingOf = ({ directory, bucket, name }: PendingPart): string =>
  join(directory, bucket, pendingName(name))

const lost = (file: string, what: string): MillraceError =>
  new MillraceError(
    'E_PART_LOST',
    `cannot commit ${file}: ${what}. It was changed from outside: put it back, and leave files of the ` +
      'last snapshot where they are',
    { details: { file } },
  )

const noLinks = ({ directory }: PendingPart, cause: unknown): MillraceError =>
  new MillraceError(
    'E_NO_HARD_LINKS',
    `cannot commit in ${directory}: its file system makes no hard links, by which parts are shown whole ` +
      'and once; use a directory on another file system',
    { cause, details: { file: directory } },
  )

function readPart(transaction: Json): PendingPart {
  const { directory, bucket, name, bytes, sha256 } = (transaction ?? {}) as Partial<PendingPart>
  const isPart =
    typeof directory === 'string' &&
    typeof bucket === 'string' &&
    typeof name === 'string' &&
    !name.includes('/') &&
    typeof bytes === 'number' &&
    typeof sha256 === 'string'
  if (isPart) return { directory, bucket, name, bytes, sha256 }
  throw new MillraceError(
    'E_SINK_CHANGED',
    `expected a part file in the snapshot, saw ${JSON.stringify(transaction).slice(0, 100)}: it is of ` +
      'another kind of sink. Give the sink that replaces it another name',
  )
}
