/** Where a job keeps its state: flags that `run` and `submit` have in common. */
import type { StateBackendOptions } from '../index.js'
import { type Program, wholeNumber, wrongFlags } from './program.js'

const CACHE_MB_MAX = 1_048_576

/** As they come from the command line. */
export interface GivenState {
  readonly stateBackend: 'heap' | 'level'
  readonly stateDir?: string
  readonly stateCache?: number
}

export const addState = (command: Program): Program =>
  command
    .addOption(
      command
        .createOption('--state-backend <name>', 'keep state in memory, or on disk with a cache')
        .choices(['heap', 'level'])
        .default('heap'),
    )
    .option(
      '--state-cache <MiB>',
      'with level: cache of each worker thread (default: 256)',
      wholeNumber(CACHE_MB_MAX),
    )

/** Where on disk is said by whoever runs the threads. */
export const addStateDirectory = (command: Program, when: string): Program =>
  command.option('--state-dir <dir>', `${when}: where on disk (default: the folder TMPDIR)`)

/** Ends the command where something is said of a backend that is not asked for. */
export function stateFlags({
  stateBackend,
  stateDir,
  stateCache,
}: GivenState): StateBackendOptions {
  const lone = stateDir !== undefined ? '--state-dir' : '--state-cache'
  if (stateBackend === 'heap' && (stateDir !== undefined || stateCache !== undefined)) {
    throw wrongFlags(`${lone} needs --state-backend level`)
  }
  return {
    backend: stateBackend,
    ...(stateDir !== undefined && { directory: stateDir }),
    ...(stateCache !== undefined && { cacheMb: stateCache }),
  }
}
