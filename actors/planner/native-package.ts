/**
 * Packages with native add-ons stay out of the bundle: they look for their binary beside their own
 * files. What is known about them is in their package.json.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Packages that find or build a binary; who depends on one is a native package. */
const BINARY_FINDERS = [
  'bindings',
  'node-gyp-build',
  'node-gyp-build-optional-packages',
  'node-pre-gyp',
  '@mapbox/node-pre-gyp',
  'prebuild-install',
  'pkg-prebuilds',
]

const PACKAGE_NAME = /^(?:@[^/]+\/)?[^/]+/

/** The file that `specifier` means in `folder`, if it belongs to a native package; else null. */
export function nativeFile(specifier: string, folder: string): string | null {
  const name = PACKAGE_NAME.exec(specifier)?.[0]
  const root = name === undefined ? null : packageFolder(name, folder)
  if (root === null || !isNative(root)) return null
  try {
    return createRequire(join(folder, 'any.js')).resolve(specifier)
  } catch {
    return null // The bundler reports it, with the importing line.
  }
}

function packageFolder(name: string, from: string): string | null {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return candidate
    if (dirname(folder) === folder) return null
  }
}

interface Manifest {
  readonly gypfile?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

function isNative(root: string): boolean {
  if (existsSync(join(root, 'binding.gyp'))) return true
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const needs = { ...manifest.dependencies, ...manifest.optionalDependencies }
  return manifest.gypfile === true || BINARY_FINDERS.some((finder) => finder in needs)
}
