/** Of the thread that loads modules for another one: `source-edit.ts`. */
import type { LoadHook } from 'node:module'
import type { SourceEdit } from './source-edit.js'

let edit: SourceEdit = { file: '', from: '', to: '' }

export function initialize(data: SourceEdit): void {
  edit = data
}

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context)
  if (!url.endsWith(`/dist/${edit.file}`)) return loaded
  const source = String(loaded.source)
  if (source.split(edit.from).length !== 2) {
    throw new Error(`"${edit.from}" is not there, or not once, in ${edit.file}: mend the mutant`)
  }
  return { ...loaded, source: source.replace(edit.from, () => edit.to) }
}
