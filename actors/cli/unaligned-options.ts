/** When barriers go ahead of records: flags that `run` and `submit` have in common. */
import type { Duration } from '../../lib/base/duration.js'
import { type Program, wrongFlags } from './program.js'

export interface UnalignedFlags {
  /** From the beginning of each round. */
  readonly unaligned: boolean
  /** As given: `1s`. */
  readonly alignmentTimeout: string | null
}

/** As they come from the command line. */
export interface GivenUnaligned {
  readonly unaligned?: boolean
  readonly alignmentTimeout?: string
}

export const addUnaligned = (command: Program): Program =>
  command
    .option('--unaligned', 'barriers go ahead of records, which are stored with the snapshot')
    .option(
      '--alignment-timeout <time>',
      'a checkpoint that has taken so long becomes unaligned (default: 10s)',
    )

export function unalignedFlags({ unaligned, alignmentTimeout }: GivenUnaligned): UnalignedFlags {
  if (unaligned && alignmentTimeout !== undefined) {
    throw wrongFlags(
      '--alignment-timeout says when a checkpoint becomes unaligned, --unaligned that each is: give one',
    )
  }
  return { unaligned: unaligned ?? false, alignmentTimeout: alignmentTimeout ?? null }
}

/** As `checkpoint` of the API takes it. */
export const alignmentTerms = ({ unaligned, alignmentTimeout }: UnalignedFlags) => ({
  ...(unaligned && { mode: 'unaligned' as const }),
  ...(alignmentTimeout !== null && { alignmentTimeout: alignmentTimeout as Duration }),
})
