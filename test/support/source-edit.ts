/** Modules that are something else than their files say, in this thread: mutants of what nothing outside can reach. */
import { register } from 'node:module'

/** As it is compiled; what is to be replaced is there once. */
export interface SourceEdit {
  readonly file: string
  readonly from: string
  readonly to: string
}

/** *Caller must* load the modules later, and call this once. */
export function editSource(edits: readonly SourceEdit[]): void {
  register(new URL('./source-edit-hooks.js', import.meta.url), { data: edits })
}
