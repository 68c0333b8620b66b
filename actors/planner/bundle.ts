/**
 * Bundling: a job module, TypeScript or JavaScript, becomes one file that workers and hosts load.
 *
 * Inside are the user's files and npm dependencies. Outside stay the runtime itself (`millrace` and
 * `rxjs`, see bundle-format.ts), what Node.js brings, and native add-ons. Types are not checked. The
 * source map is inline and holds no source text: errors name the user's files and lines. Names are
 * not kept by force: that would cost a call for each function that user code creates.
 */
import { readFile, stat } from 'node:fs/promises'
import { dirname, extname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { BuildFailure, Loader, OnResolveArgs, OnResolveResult, Plugin } from 'esbuild'
import { MillraceError } from '../../lib/base/errors.js'
import { cacheFolder, keep, sha256 } from './bundle-cache.js'
import { bundleHead, markRuntime, RUNTIME_PACKAGE } from './bundle-format.js'
import { type BundlerMessage, bundleProblem, describe, showPath } from './bundle-problem.js'
import { nativeFile } from './native-package.js'
import { PLACE_DEFINES, placeLength, withPlace } from './source-place.js'
import { unportable } from './unportable.js'

export interface Bundle {
  /** The bundle: its name is its SHA-256. For `loadModule` and `planModule`. */
  readonly file: string
  readonly sha256: string
  /** The job module it was made from. */
  readonly source: string
  /** About the user's own files, with file, line and column. */
  readonly warnings: readonly string[]
}

const LOADERS: Readonly<Record<string, Loader>> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.jsx': 'jsx',
}

/**
 * Bundles the module at a path (relative to the current folder) or file URL. Throws E_NO_SUCH_MODULE,
 * E_NOT_A_MODULE, E_NO_SUCH_EXPORT or E_SYNTAX with `file:line:column` and the line.
 */
export async function bundleModule(module: string | URL): Promise<Bundle> {
  const source = await locate(module)
  const { text, warnings } = await build(source)
  const hash = sha256(text)
  const file = await keep(await cacheFolder(), `${hash}.mjs`, text)
  return { file, sha256: hash, source, warnings }
}

/**
 * As `bundleModule`, for a module that is to run on other hosts: what would not be there is refused,
 * native add-ons (E_NATIVE_MODULE) and `import.meta.url` (E_IMPORT_META_URL), with the file that has it.
 */
export async function bundleForSubmit(module: string | URL): Promise<Bundle> {
  const bundle = await bundleModule(module)
  const text = await readFile(bundle.file, 'utf8')
  const problem = unportable(text, bundle.source)
  if (problem !== null) throw problem
  return bundle
}

async function locate(module: string | URL): Promise<string> {
  const isUrl = module instanceof URL || module.startsWith('file:')
  const path = isUrl ? fileURLToPath(module) : resolve(module)
  const found = await stat(path).catch(() => null)
  if (found === null || found.isDirectory()) {
    const what = found === null ? 'there is no such file' : 'it is a folder'
    throw new MillraceError(
      'E_NO_SUCH_MODULE',
      `cannot find the job module ${showPath(path)}: ${what}`,
      {
        details: { file: path },
      },
    )
  }
  if (extname(path) in LOADERS) return path
  const expected = Object.keys(LOADERS).join(' ')
  throw new MillraceError(
    'E_NOT_A_MODULE',
    `${showPath(path)} is not a job module: its name must end in one of ${expected}`,
    { details: { file: path } },
  )
}

/** Builds under way; the bundler's process is ended with the last. */
let builds = 0

async function build(source: string): Promise<{ text: string; warnings: string[] }> {
  const esbuild = await import('esbuild')
  const folder = dirname(source)
  builds++
  try {
    const result = await esbuild.build({
      entryPoints: [source],
      absWorkingDir: folder,
      outdir: folder,
      write: false,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      charset: 'utf8',
      legalComments: 'none',
      logLevel: 'silent',
      sourcemap: 'inline',
      sourcesContent: false,
      sourceRoot: `${pathToFileURL(folder).href}/`,
      banner: { js: bundleHead(source) },
      define: { ...PLACE_DEFINES },
      plugins: [jobModulePlugin],
    })
    const warnings = result.warnings.filter((warning) => isOwn(warning)).map(aboutSource(folder))
    return { text: result.outputFiles[0]!.text, warnings: warnings.map(describe) }
  } catch (thrown) {
    const { errors } = thrown as Partial<BuildFailure>
    throw errors === undefined ? thrown : bundleProblem(errors.map(aboutSource(folder)))
  } finally {
    builds--
    if (builds === 0) await esbuild.stop()
  }
}

const isOwn = ({ location }: BundlerMessage) =>
  !/(^|[/\\])node_modules[/\\]/.test(location?.file ?? '')

/** The message as it would be about the file that the user wrote. */
const aboutSource =
  (folder: string) =>
  ({ text, location }: BundlerMessage): BundlerMessage => {
    if (location === null) return { text, location }
    const { file, line, column, lineText } = location
    const added = placeLength(lineText)
    return {
      text,
      location: {
        file: resolve(folder, file),
        line,
        column: Math.max(0, column - added),
        lineText: lineText.slice(added),
      },
    }
  }

const jobModulePlugin: Plugin = {
  name: 'millrace-job-module',
  setup(build) {
    build.onResolve({ filter: RUNTIME_PACKAGE }, resolveRuntime)
    build.onResolve({ filter: /^[^./]/, namespace: 'file' }, resolveNative)
    build.onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: 'file' }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      const contents = withPlace(text, path)
      return contents === text ? null : { contents, loader: LOADERS[extname(path)] ?? 'js' }
    })
    // An add-on that is named by its file, or that is the main file of a platform's package.
    build.onLoad({ filter: /\.node$/ }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)})`,
      loader: 'js',
      pluginData: { addOn: path },
    }))
    build.onResolve({ filter: /\.node$/ }, ({ path, pluginData }) =>
      pluginData?.addOn === path ? { path, external: true } : null,
    )
  },
}

const isRequire = ({ kind }: OnResolveArgs) => kind === 'require-call' || kind === 'require-resolve'

function resolveRuntime(args: OnResolveArgs): OnResolveResult {
  try {
    import.meta.resolve(args.path)
    return { path: markRuntime(args.path, isRequire(args)), external: true }
  } catch {
    const [name] = args.path.split('/')
    return { errors: [{ text: `No such entry point: ${name} has none named "${args.path}"` }] }
  }
}

function resolveNative(args: OnResolveArgs): OnResolveResult | null {
  const file = args.kind === 'entry-point' ? null : nativeFile(args.path, args.resolveDir)
  if (file === null) return null
  return { path: isRequire(args) ? file : pathToFileURL(file).href, external: true }
}
