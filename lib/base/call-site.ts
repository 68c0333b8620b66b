/**
 * Where the user's code called the library: `file:line:column` of the innermost stack frame that is
 * not Millrace's own. Captured when an operator is made, read only when somebody wants to know.
 * Lines are those of the source where source maps are enabled (`--enable-source-maps`).
 */
import { fileURLToPath } from 'node:url'

/** Says the place; parses the stack at the first call. */
export type CallSite = () => string

/** What is said where no frame of the user's was found. */
export const UNKNOWN_SITE = '(unknown place)'

/** Deep enough for our own frames below the user's; restored after each capture. */
const FRAMES_MAX = 24

/** Compiled and, where source maps are enabled, original folders of the library itself. */
const OWN_FOLDERS = ['../../lib/', '../../actors/', '../../../lib/', '../../../actors/'].map(
  (folder) => fileURLToPath(new URL(folder, import.meta.url)),
)

/** Loops that are generated for fused operators; below them on the stack is nothing of the user's. */
const GENERATED = 'millrace-fused-run-'

/** It stands between our frames. */
const RXJS = /[/\\]node_modules[/\\]rxjs[/\\]/

const FRAME = /^\s+at (?:async )?(?:.*? \()?(.+?):(\d+):(\d+)\)?$/

/**
 * Remembers the present stack. To be called while the user's call is still on it. `alsoOwn`: folders
 * of operators that are written outside of this library, to be skipped as well. Unknown in a process that
 * wants no stacks (`Error.stackTraceLimit = 0`).
 */
export function callSite(alsoOwn: readonly string[] = []): CallSite {
  const limit = Error.stackTraceLimit
  if (limit === 0) return () => UNKNOWN_SITE
  Error.stackTraceLimit = FRAMES_MAX
  const trace = new Error('call site')
  Error.stackTraceLimit = limit
  let at: string | null = null
  return () => {
    at ??= userFrame(trace.stack ?? '', [...OWN_FOLDERS, ...alsoOwn])
    return at
  }
}

/** The first frame of `stack` that belongs to the user, as `file:line:column`. */
export function userFrame(stack: string, ownFolders: readonly string[] = OWN_FOLDERS): string {
  for (const line of stack.split('\n')) {
    const [, where, row, column] = FRAME.exec(line) ?? []
    if (where === undefined || where.startsWith('node:') || where.includes('<anonymous>')) continue
    if (where.startsWith(GENERATED)) return UNKNOWN_SITE
    const path = where.startsWith('file://') ? fileURLToPath(where) : where
    if (RXJS.test(path)) continue
    if (!ownFolders.some((folder) => path.startsWith(folder))) return `${path}:${row}:${column}`
  }
  return UNKNOWN_SITE
}
