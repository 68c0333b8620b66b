/** What the command line needs of the process it runs in; a test brings its own. */
import type { Cancel, Clock } from '../../lib/base/clock.js'
import type { Job, RunModuleOptions } from '../index.js'

export interface Output {
  readonly isTTY: boolean
  /** Of the terminal. */
  readonly rows: number
  readonly columns: number
  write(text: string): void
}

export interface CliWorld {
  readonly version: string
  readonly env: NodeJS.ProcessEnv
  readonly clock: Clock
  readonly stdout: Output
  readonly stderr: Output
  /** Calls back at each Ctrl-C and SIGTERM. */
  onInterrupt(listener: () => void): Cancel
  /** Calls back when nobody reads standard output any more. */
  onOutputClosed(listener: () => void): Cancel
  /** Calls back when the process ends, however it ends. */
  onExit(listener: () => void): Cancel
  /** Ends the process at once. */
  exit(code: number): void
  /** Loads `run` for a module, and starts threads for so many slots, since they will be needed. */
  loadRun(slots: number): Promise<(module: URL, options: RunModuleOptions) => Job>
}
