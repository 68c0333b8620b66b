/**
 * A sealed text: JSON that says what it is, and by which it can be seen that it is as it was written.
 *
 * Two lines of UTF-8; the first one speaks of the bytes behind its line feed:
 *
 * ```
 * {"format":"millrace-snapshot","version":1,"sha256":"…","bytes":…}
 * {…}
 * ```
 *
 * A format on disk: do not change.
 */
import { hash } from 'node:crypto'
import { MillraceError } from '../base/errors.js'

export interface SealedFormat {
  readonly format: string
  readonly version: number
  /** For messages: `a manifest of a snapshot`. */
  readonly what: string
}

interface Head {
  readonly format: string
  readonly version: number
  readonly sha256: string
  readonly bytes: number
}

const LINE_FEED = 0x0a

export function seal({ format, version }: SealedFormat, value: unknown): Uint8Array {
  const body = Buffer.from(JSON.stringify(value))
  const head: Head = { format, version, sha256: sha256Of(body), bytes: body.length }
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body])
}

/**
 * The value, of a shape that is still to be checked.
 *
 * @param place - what the bytes are called in messages
 * @throws MillraceError `E_SNAPSHOT_DAMAGED` where they are not what was written, `E_SNAPSHOT_VERSION`
 * where a later version wrote them.
 */
export function unseal(expected: SealedFormat, bytes: Uint8Array, place: string): unknown {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = text.indexOf(LINE_FEED)
  if (end < 0) throw damagedText(place, `is not ${expected.what}: its first line has no end`)
  const head = headOf(text.subarray(0, end))
  if (head?.format !== expected.format) throw damagedText(place, `is not ${expected.what}`)
  const body = text.subarray(end + 1)
  // The sum before the version: a flipped bit must not send anyone to look for another release.
  if (body.length !== head.bytes) {
    throw damagedText(
      place,
      `has ${body.length} bytes behind its first line; ${head.bytes} were written`,
    )
  }
  if (sha256Of(body) !== head.sha256) {
    throw damagedText(place, 'has another SHA-256 than when it was written')
  }
  if (head.version !== expected.version) throw otherVersion(place, head.version, expected.version)
  return JSON.parse(text.toString('utf8', end + 1)) as unknown
}

export const sha256Of = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex')

/** What `place` is must be named such that it can be found. */
export const damagedText = (place: string, what: string): MillraceError =>
  new MillraceError('E_SNAPSHOT_DAMAGED', `${place} ${what}`, { details: { place } })

const utf8 = new TextDecoder('utf-8', { fatal: true })

function headOf(line: Uint8Array): Partial<Head> | null {
  try {
    const value: unknown = JSON.parse(utf8.decode(line))
    return typeof value === 'object' && value !== null ? value : null
  } catch {
    return null
  }
}

const otherVersion = (place: string, seen: unknown, known: number): MillraceError =>
  new MillraceError(
    'E_SNAPSHOT_VERSION',
    `${place} is of version ${String(seen)}, this release reads version ${known}: ` +
      'use the release that wrote it, or a later one',
    { details: { place, version: String(seen) } },
  )
