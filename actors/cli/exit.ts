/** Exit codes of the command line. Scripts depend on them: do not change. */
export const EXIT = {
  /** Finished, or nothing more to do: help was shown, the reader of a pipe has gone. */
  finished: 0,
  /** The job ran and failed. */
  failed: 1,
  /** Nothing has run: the command line, or the module it names, cannot be used as it is. */
  wrongUsage: 2,
  /** Ended by Ctrl-C or SIGTERM, drained or not. */
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]
