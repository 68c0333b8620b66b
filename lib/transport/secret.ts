/**
 * The shared secret of a cluster: with it processes prove to each other that they belong together
 * (handshake.ts). It never crosses the wire, and no message or log contains it.
 */
import { randomBytes } from 'node:crypto'
import { MillraceError } from '../base/errors.js'

/** Characters of a secret at least: 32 random bytes in hex or base64 have more. */
export const SECRET_LENGTH_MIN = 32

/**
 * The secrets in the text of a secret file: one a line, the first is the one to prove with; empty lines
 * and lines that begin with `#` do not count. Throws E_SECRET_SHORT, E_SECRET_MISSING; `where` names
 * the file for their messages.
 */
export function secretsIn(text: string, where: string): readonly Uint8Array[] {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (lines.length === 0) {
    throw new MillraceError(
      'E_SECRET_MISSING',
      `expected a secret in ${where}, saw none; make one with: openssl rand -hex 32`,
      { details: { where } },
    )
  }
  return lines.map((line) => secretOf(line, where))
}

function secretOf(line: string, where: string): Uint8Array {
  if (line.length < SECRET_LENGTH_MIN) {
    throw new MillraceError(
      'E_SECRET_SHORT',
      `expected a secret of at least ${SECRET_LENGTH_MIN} characters in ${where}, saw ` +
        `${line.length}; make one with: openssl rand -hex 32`,
      { details: { where, length: line.length } },
    )
  }
  return new TextEncoder().encode(line)
}

/** Names this start of the process: the same node id with another incarnation is another process. */
export const newIncarnation = (): string => randomBytes(8).toString('hex')
