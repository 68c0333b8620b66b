/**
 * What a bundle file says to its loader. The file is named `<sha-256 of its text>.mjs`; its first line
 * names the source; imports of the runtime carry a mark which the loader replaces by the places of
 * its own copy, so that one instance of each exists. Bundles are kept across releases: do not change
 * a meaning without a new `VERSION`.
 */
import { pathToFileURL } from 'node:url'

const VERSION = 1
const HEADER = /^\/\* millrace bundle (\d+) of (\S+) \*\/$/m

/** Packages of the runtime: never inside a bundle. */
export const RUNTIME_PACKAGE = /^(millrace|rxjs)(\/|$)/

/** Prefix of an imported runtime package, and of one that a CommonJS dependency requires. */
const IMPORTED = 'millrace-runtime-url:'
const REQUIRED = 'millrace-runtime-path:'
const MARKED = /"millrace-runtime-(url|path):([^"]+)"/g

export const markRuntime = (specifier: string, isRequire: boolean): string =>
  (isRequire ? REQUIRED : IMPORTED) + specifier

/** The text with every mark replaced by `place`, as a JavaScript string. */
export const replaceMarks = (
  text: string,
  place: (specifier: string, as: 'url' | 'path') => string,
): string =>
  text.replaceAll(MARKED, (_, as: 'url' | 'path', specifier: string) =>
    JSON.stringify(place(specifier, as)),
  )

/**
 * The head of a bundle. It gives CommonJS dependencies a `require`; the bundler renames a `require`
 * that the user declares.
 */
export function bundleHead(source: string): string {
  const url = pathToFileURL(source).href
  return [
    `/* millrace bundle ${VERSION} of ${url} */`,
    `import { createRequire as __millrace_create_require } from "node:module";`,
    `const require = __millrace_create_require(${JSON.stringify(url)});`,
  ].join('\n')
}

/** URL of the job module a bundle was made from; null where this is no bundle of this version. */
export function sourceOf(text: string): string | null {
  const [, version, url] = HEADER.exec(text.slice(0, 4096)) ?? []
  return url !== undefined && Number(version) === VERSION ? url : null
}
