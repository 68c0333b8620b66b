/** The commands that take a module and no cluster, as the command line understands them. */
import type { StateBackendOptions } from '../index.js'
import type { ModuleArgs } from '../planner/protocol.js'
import { namedArgument, type Program, wholeNumber, wrongFlags } from './program.js'
import {
  addRestore,
  type GivenRestore,
  type RestoreFlags,
  restoreFlags,
} from './restore-options.js'
import { addState, addStateDirectory, type GivenState, stateFlags } from './state-options.js'
import {
  addUnaligned,
  type GivenUnaligned,
  type UnalignedFlags,
  unalignedFlags,
} from './unaligned-options.js'

interface ModuleCommand {
  /** Path as given. */
  readonly module: string
  readonly args: ModuleArgs
  readonly slots: number
  /** Null: that of the pipeline, else the number of slots. */
  readonly parallelism: number | null
  readonly verbose: boolean
}

export interface RunCommand extends ModuleCommand {
  readonly kind: 'Run'
  readonly summaryFile: string | null
  readonly quiet: boolean
  /** Null where no snapshots are taken. */
  readonly checkpoint: CheckpointFlags | null
  readonly state: StateBackendOptions
}

/** Restored is `latest`, the number of a snapshot, or the directory of a savepoint. */
export interface CheckpointFlags extends RestoreFlags, UnalignedFlags {
  readonly directory: string
  /** As given: `1s`. */
  readonly interval: string | null
}

export interface ExplainCommand extends ModuleCommand {
  readonly kind: 'Explain'
  /** Directory of snapshots that it could go on from. */
  readonly restore: string | null
  readonly allowDroppedState: boolean
  readonly json: boolean
}

const SLOTS_MAX = 256
const PARALLELISM_MAX = 32_768

const RUN_HELP = `
The module's default export is a pipeline, or a function of the arguments that
returns one:

  export default (args) => pipeline('sales', (flow) => …)

  args.city   of --arg city=Oslo
  args._      what follows the module: ["a.csv", "b.csv"]

Job output goes to standard output, progress and messages to standard error.
Ctrl-C lets the job end early with the results of what it has read; a second one
ends it at once. With --checkpoint-dir it stops behind a last checkpoint instead,
and --restore latest goes on from there.

Exit codes: 0 finished, 1 the job failed, 2 nothing was run because of the command
line or the module, 130 interrupted.

Examples:
  millrace run word-count.ts hamlet.txt
  millrace run sales.ts --slots 2 --arg city=Oslo -- -odd-file-name.csv
  millrace run sales.ts --checkpoint-dir state --checkpoint-interval 1s
  millrace run sales.ts --checkpoint-dir state --restore latest
  millrace run sales.ts --state-backend level --state-dir /mnt/nvme --state-cache 512`

type Found = (command: RunCommand | ExplainCommand) => void

export function addModuleCommands(program: Program, found: Found): void {
  addRun(program, found)
  addExplain(program, found)
}

function addRun(program: Program, found: Found): void {
  const run = moduleCommand(program, 'run', 'run the pipeline of a module')
    .option('--summary <file>', 'write a summary as JSON to this file')
    .option('--quiet', 'no progress and no messages but errors')
    .option('--checkpoint-dir <dir>', 'take snapshots, and keep them in this directory')
    .option(
      '--checkpoint-interval <time>',
      'between two checkpoints: 500ms, 10s, 5m (default: 10s)',
    )
  addUnaligned(run)
  addRestore(
    run,
    '--restore <which>',
    'go on from a snapshot: latest, a number, or the directory of a savepoint',
  )
  addStateDirectory(addState(run), 'with level')
    .addHelpText('after', RUN_HELP)
    .action((module: string, rest: string[], options: RunFlags) => {
      const { summary = null, quiet = false } = options
      const checkpoint = checkpointFlags(run, options)
      found({
        kind: 'Run',
        ...common(module, rest, options),
        summaryFile: summary,
        quiet,
        checkpoint,
        state: stateFlags(options),
      })
    })
}

function addExplain(program: Program, found: Found): void {
  moduleCommand(program, 'explain', 'show how the pipeline of a module would run')
    .option('--json', 'as JSON')
    .option('--restore <dir>', 'check that it could go on from the newest snapshot there, and how')
    .option('--allow-dropped-state', 'with --restore: state of former operators may be lost')
    .action((module: string, rest: string[], options: ExplainFlags) => {
      const { json = false, restore = null, allowDroppedState = false } = options
      found({ kind: 'Explain', ...common(module, rest, options), json, restore, allowDroppedState })
    })
}

interface Flags {
  readonly slots: number
  readonly parallelism?: number
  readonly arg?: Readonly<Record<string, string>>
  readonly verbose?: boolean
}
type RunFlags = Flags &
  GivenRestore &
  GivenUnaligned &
  GivenState & {
    readonly summary?: string
    readonly quiet?: boolean
    readonly checkpointDir?: string
    readonly checkpointInterval?: string
  }
type ExplainFlags = Flags & {
  readonly json?: boolean
  readonly restore?: string
  readonly allowDroppedState?: boolean
}

function moduleCommand(program: Program, name: string, description: string): Program {
  return program
    .command(name)
    .description(description)
    .argument('<module>', 'TypeScript or JavaScript file')
    .argument('[arguments...]', 'arguments for the module')
    .helpOption('--help', 'show this help')
    .option('--slots <n>', 'worker threads', wholeNumber(SLOTS_MAX), 1)
    .option(
      '--parallelism <n>',
      'subtasks of each operator (default: number of slots)',
      wholeNumber(PARALLELISM_MAX),
    )
    .option(
      '--arg <name=value>',
      'argument for the module, by name; may be repeated',
      namedArgument,
    )
    .option('--verbose', 'show stacks of errors, and every message')
}

const common = (module: string, rest: readonly string[], flags: Flags): ModuleCommand => ({
  module,
  args: { ...flags.arg, _: rest },
  slots: flags.slots,
  parallelism: flags.parallelism ?? null,
  verbose: flags.verbose ?? false,
})

function checkpointFlags(command: Program, flags: RunFlags): CheckpointFlags | null {
  const { checkpointDir, checkpointInterval, unaligned, alignmentTimeout, restore } = flags
  const { allowDroppedState, acceptDuplicates, transactions, claim } = flags
  if (checkpointDir === undefined) {
    const lone = [
      ['--checkpoint-interval', checkpointInterval],
      ['--unaligned', unaligned],
      ['--alignment-timeout', alignmentTimeout],
      ['--restore', restore],
      ['--allow-dropped-state', allowDroppedState],
      ['--accept-duplicates', acceptDuplicates],
      ['--transactions', transactions],
      ['--claim', claim],
    ].find(([, value]) => value !== undefined)
    if (lone === undefined) return null
    throw wrongFlags(`${lone[0]} needs --checkpoint-dir <dir>`)
  }
  return {
    directory: checkpointDir,
    interval: checkpointInterval ?? null,
    ...unalignedFlags(flags),
    ...restoreFlags(command, flags),
  }
}
