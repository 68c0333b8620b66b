/** The queries there are: one file each, found by name. */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MillraceError } from '../../lib/base/errors.js'
import type { Query } from './query.js'

const FOLDER = new URL('./queries/', import.meta.url)

/** In the order of their numbers. */
export const queryNames = (): readonly string[] =>
  readdirSync(FOLDER)
    .flatMap((file) => /^(q\d+)\.js$/.exec(file)?.[1] ?? [])
    .sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)))

/** The job module of a query. Throws `E_BAD_ARGUMENT`, naming those there are. */
export function queryModule(name: string): string {
  const names = queryNames()
  if (names.includes(name)) return fileURLToPath(new URL(`${name}.js`, FOLDER))
  throw new MillraceError(
    'E_BAD_ARGUMENT',
    `--query: there is no "${name}"; there are ${names.join(', ')}`,
  )
}

export async function loadQuery(name: string): Promise<Query> {
  const module = (await import(queryModule(name))) as { readonly default: Query }
  return module.default
}
