/** Modules that are something else than their files say, in this thread: mutants of what nothing outside can reach. */
import { readFileSync } from 'node:fs'
import { register } from 'node:module'

/** As it is compiled; what is to be replaced is there once. */
export interface SourceEdit {
  readonly file: string
  readonly from: string
  readonly to: string
}

/**
 * *Caller must* load the modules later, and call this once. Throws where there is nothing to replace: a file that
 * is gone would be no mutant, and nobody would see it.
 */
export function editSource(edits: readonly SourceEdit[]): void {
  for (const { file, from } of edits) {
    const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
    if (source.split(from).length === 2) continue
    throw new Error(`"${from}" is not there, or not once, in ${file}: mend the mutant`)
  }
  register(new URL('./source-edit-hooks.js', import.meta.url), { data: edits })
}
