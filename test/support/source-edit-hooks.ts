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
  if (own.length === 0) return loaded
  const edited = (source: string, { from, to }: SourceEdit) => source.replace(from, () => to)
  return { ...loaded, source: own.reduce(edited, String(loaded.source)) }
}
