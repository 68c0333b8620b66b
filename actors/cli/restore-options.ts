/** What a job goes on from, and on which terms: flags that `run` and `submit` have in common. */
import type { Program } from './program.js'

export interface RestoreFlags {
  /** As given; null where the job begins at the beginning. */
  readonly restore: string | null
  readonly allowDroppedState: boolean
  readonly acceptDuplicates: boolean
  readonly transactions: 'commit' | 'discard' | null
  readonly claim: boolean
}

/** As they come from the command line. */
export interface GivenRestore {
  readonly restore?: string
  readonly allowDroppedState?: boolean
  readonly acceptDuplicates?: boolean
  readonly transactions?: 'commit' | 'discard'
  readonly claim?: boolean
}

/** `which`: the option itself, whose value the commands understand each in its own way. */
export function addRestore(command: Program, which: string, description: string): Program {
  return command
    .option(which, description)
    .option('--allow-dropped-state', 'lose state that the pipeline no longer reads')
    .option('--accept-duplicates', 'go on from an older snapshot though output comes twice')
    .addOption(
      command
        .createOption(
          '--transactions <what>',
          'output that a savepoint had prepared, where its job went on behind it',
        )
        .choices(['commit', 'discard']),
    )
    .option('--claim', 'delete the savepoint once there is a checkpoint of this job')
}

/** Ends the command where something is said of a savepoint that is not given. */
export function restoreFlags(command: Program, given: GivenRestore): RestoreFlags {
  const { restore = null, transactions = null, claim = false } = given
  const lone = transactions !== null ? '--transactions' : claim ? '--claim' : null
  if (restore === null && lone !== null) {
    command.error(`error: ${lone} is said of a savepoint: give it with --restore <dir>`)
  }
  const { allowDroppedState = false, acceptDuplicates = false } = given
  return { restore, allowDroppedState, acceptDuplicates, transactions, claim }
}

/** As `run` and `submit` of the API take it; but for `restore` itself. */
export const restoreTerms = (flags: RestoreFlags) => ({
  allowDroppedState: flags.allowDroppedState,
  acceptDuplicates: flags.acceptDuplicates,
  claim: flags.claim,
  ...(flags.transactions !== null && { transactions: flags.transactions }),
})
