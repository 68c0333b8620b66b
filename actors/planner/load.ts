/**
 * Loading: from a bundle to the pipeline that the module exports, in the thread that runs it.
 *
 * The bundle's marked imports are replaced by the places of this runtime's own `millrace` and `rxjs`,
 * in a second file beside it. So a job module, its dependencies and the runtime share one instance
 * of each, whether the user's project has its own copy, another version, or none.
 */
import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { userFrame } from '../../lib/base/call-site.js'
import { MillraceError } from '../../lib/base/errors.js'
import { isPipeline, type Pipeline } from '../../lib/flow/pipeline.js'
import { keep, sha256 } from './bundle-cache.js'
import { replaceMarks, sourceOf } from './bundle-format.js'
import { showPath } from './bundle-problem.js'
import { evaluatingJobModule, leaveJobModule } from './evaluating.js'
import type { ModuleArgs } from './protocol.js'

const EXPECTED = 'expected `export default pipeline(…)` or `export default (args) => pipeline(…)`'

/**
 * Imports a bundle and takes its default export: a pipeline, or a function of the arguments that
 * returns one, or a promise of one. Throws E_MODULE_FAILED where the module throws, with the user's own
 * line; E_NO_DEFAULT_EXPORT, E_NO_SUCH_EXPORT; E_BUNDLE_MISSING and E_BUNDLE_DAMAGED about the file.
 */
export async function loadModule(file: string, args: ModuleArgs = {}): Promise<Pipeline> {
  // Places in the user's code, in errors and in the graph, are taken from stacks.
  process.setSourceMapsEnabled(true)
  const text = await readBundle(file)
  const source = sourceOf(text)
  if (source === null) throw damaged(file, 'it was made by another version of millrace')
  try {
    const namespace = await importBundle(file, text, source)
    const exported = defaultOf(namespace)
    const value =
      typeof exported === 'function'
        ? await evaluatingJobModule(source, () => exported(withRest(args)))
        : exported
    if (isPipeline(value)) return value
    throw noPipeline(source, namespace, exported, value)
  } catch (thrown) {
    leaveJobModule(source)
    throw await moduleFailure(thrown, source)
  }
}

async function readBundle(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new MillraceError(
      'E_BUNDLE_MISSING',
      `The bundled job module ${file} cannot be read (${cause.message}). It may have been removed from the cache folder: start the job again.`,
      { cause, details: { file } },
    )
  })
  if (`${sha256(text)}.mjs` === basename(file)) return text
  throw damaged(file, 'its content is not what its name says')
}

const damaged = (file: string, why: string) =>
  new MillraceError(
    'E_BUNDLE_DAMAGED',
    `The bundled job module ${file} cannot be used: ${why}. Remove it and start the job again.`,
    { details: { file } },
  )

type Namespace = Readonly<Record<string, unknown>>

async function importBundle(file: string, text: string, source: string): Promise<Namespace> {
  const linked = reportEvaluation(replaceMarks(text, runtimePlace), source)
  const name = basename(file).replace(/\.mjs$/, `-${sha256(linked).slice(0, 16)}.mjs`)
  return import(pathToFileURL(await keep(dirname(file), name, linked)).href)
}

function runtimePlace(specifier: string, as: 'url' | 'path'): string {
  const url = import.meta.resolve(specifier)
  return as === 'url' ? url : fileURLToPath(url)
}

/** Adds calls of `evaluating.ts` around the module's body, without adding a line before it ends. */
function reportEvaluation(text: string, source: string): string {
  const evaluating = JSON.stringify(new URL('./evaluating.js', import.meta.url).href)
  const argument = JSON.stringify(source)
  const enter = `import * as __millrace_evaluating from ${evaluating}; __millrace_evaluating.enterJobModule(${argument}); `
  const leave = `\n__millrace_evaluating.leaveJobModule(${argument});`
  const end = text.lastIndexOf('\n//# sourceMappingURL=')
  return enter + text.slice(0, end) + leave + text.slice(end)
}

/** The default export; of a CommonJS module compiled from ESM, the one inside. */
function defaultOf(namespace: Namespace): unknown {
  const exported = namespace.default
  const nested = exported as { readonly __esModule?: boolean; readonly default?: unknown } | null
  return typeof exported === 'object' && nested?.__esModule === true ? nested.default : exported
}

const withRest = (args: ModuleArgs): ModuleArgs => ('_' in args ? args : { ...args, _: [] })

function noPipeline(
  source: string,
  namespace: Namespace,
  exported: unknown,
  value: unknown,
): MillraceError {
  const file = showPath(fileURLToPath(source))
  const names = Object.keys(namespace).filter((name) => name !== 'default')
  const others = names.length === 0 ? 'it exports nothing' : `it exports only ${names.join(', ')}`
  const found =
    exported === undefined
      ? `has no default export; ${others}`
      : typeof exported === 'function'
        ? `exports a function that returned ${nameOf(value)}, not a pipeline`
        : `exports ${nameOf(exported)} as default, not a pipeline`
  return new MillraceError('E_NO_DEFAULT_EXPORT', `${file} ${found}: ${EXPECTED}`, {
    details: { file },
  })
}

const nameOf = (value: unknown): string =>
  value === null || typeof value !== 'object'
    ? String(value)
    : (value.constructor?.name ?? 'object')

const NO_SUCH_EXPORT = /requested module '([^']+)' does not provide an export named '([^']+)'/

/** Errors of the runtime (a wrong graph, no default export) say it all; others get their place. */
async function moduleFailure(thrown: unknown, source: string): Promise<Error> {
  if (thrown instanceof MillraceError) return thrown
  const file = showPath(fileURLToPath(source))
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const [, from, name] = NO_SUCH_EXPORT.exec(error.message) ?? []
  if (error instanceof SyntaxError && name !== undefined) {
    const specifier = RUNTIME_ENTRIES.find((entry) => import.meta.resolve(entry) === from) ?? from
    return new MillraceError(
      'E_NO_SUCH_EXPORT',
      `${file} imports "${name}" from '${specifier}', which has no such export${await whereElse(name, specifier)}`,
      { details: { file } },
    )
  }
  const at = showPlace(userFrame(error.stack ?? ''))
  return new MillraceError(
    'E_MODULE_FAILED',
    `${file} failed while it was evaluated: ${error.name}: ${error.message}\n    at ${at}`,
    { cause: thrown, details: { file, at } },
  )
}

const RUNTIME_ENTRIES = [
  'millrace',
  'millrace/connectors',
  'millrace/actors',
  'millrace/testing',
  'rxjs',
  'rxjs/operators',
]

/** What to import instead. Of an entry point with more names than these nobody would read the list. */
const NAMES_SHOWN_MAX = 30

async function whereElse(name: string, specifier: string | undefined): Promise<string> {
  for (const entry of RUNTIME_ENTRIES) {
    if (name in (await import(entry))) return `: '${entry}' has one`
  }
  if (specifier === undefined || !RUNTIME_ENTRIES.includes(specifier)) return ''
  const names = Object.keys(await import(specifier))
  return names.length > NAMES_SHOWN_MAX ? '' : `, but ${names.join(', ')}`
}

function showPlace(at: string): string {
  const [, path, position] = /^(.*?)((?::\d+)*)$/.exec(at) ?? []
  return path === undefined ? at : `${showPath(path)}${position}`
}
