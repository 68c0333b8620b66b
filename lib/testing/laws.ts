/** Laws that a connector must keep, checked one by one, and reported all at once. */
import { isDeepStrictEqual } from 'node:util'
import { MillraceError } from '../base/errors.js'

/** What a check has found to hold: each law in words. */
export interface Conformance {
  readonly laws: readonly string[]
}

export interface Law {
  readonly says: string
  check(): Promise<void>
}

/** Throws `E_CONFORMANCE`, which names every law that is broken. */
export async function checkLaws(what: string, laws: readonly Law[]): Promise<Conformance> {
  const broken: string[] = []
  let cause: unknown
  for (const { says, check } of laws) {
    try {
      await check()
    } catch (error) {
      cause ??= error
      broken.push(`- ${says}:\n  ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (broken.length === 0) return { laws: laws.map(({ says }) => says) }
  throw new MillraceError(
    'E_CONFORMANCE',
    `${what} breaks ${broken.length} of ${laws.length} laws:\n${broken.join('\n')}`,
    { cause },
  )
}

const SHOWN_CHARS = 600

export function assertSame(seen: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(seen, expected)) return
  throw new Error(`${what}: expected ${shown(expected)}, saw ${shown(seen)}`)
}

export function assertTrue(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}

/** As a snapshot carries it. */
export const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

/** Lets everything happen that is ready to. */
export async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((done) => setImmediate(done))
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= SHOWN_CHARS ? text : `${text.slice(0, SHOWN_CHARS)} …`
}
