/** Of the thread that loads modules for another one: `source-edit.ts`. */
import type { LoadHook } from 'node:module'
import type { SourceEdit } from './source-edit.js'

let edits: readonly SourceEdit[] = []

export function initialize(data: readonly SourceEdit[]): void {
  edits = data
}

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context)
  const own = edits.filter(({ file }) => url.endsWith(`/dist/${file}`))
  return own.length === 0
    ? loaded
    : { ...loaded, source: own.reduce(edited, String(loaded.source)) }
}

function edited(source: string, { file, from, to }: SourceEdit): string {
  if (source.split(from).length === 2) return source.replace(from, () => to)
  throw new Error(`"${from}" is not there, or not once, in ${file}: mend the mutant`)
}
