/** The command line as data: what is asked for, or what is wrong with it. Nothing is done here. */
import { Command as Commander, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { StateBackendOptions } from '../index.js'
import type { ModuleArgs } from '../planner/protocol.js'
import {
  addClusterCommands,
  CLUSTER_ACTIONS,
  type ClusterCommand,
  type SubmitCommand,
} from './cluster-commands.js'
import {
  addProcessCommands,
  type CoordinatorCommand,
  type DevCommand,
  type NodeCommand,
} from './process-commands.js'
import {
  addRestore,
  type GivenRestore,
  type RestoreFlags,
  restoreFlags,
} from './restore-options.js'
import {
  addSnapshotCommands,
  addStateCommands,
  SNAPSHOT_ACTIONS,
  type SnapshotsCommand,
  type StateReadCommand,
} from './snapshot-commands.js'

export type Program = Commander

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
export interface CheckpointFlags extends RestoreFlags {
  readonly directory: string
  /** As given: `1s`. */
  readonly interval: string | null
  /** Barriers go ahead of data from the beginning of each round. */
  readonly unaligned: boolean
  /** As given: `1s`. */
  readonly alignmentTimeout: string | null
}

export interface ExplainCommand extends ModuleCommand {
  readonly kind: 'Explain'
  /** Directory of snapshots that it could go on from. */
  readonly restore: string | null
  readonly allowDroppedState: boolean
  readonly json: boolean
}

export type Command =
  | RunCommand
  | ExplainCommand
  | SnapshotsCommand
  | StateReadCommand
  | CoordinatorCommand
  | NodeCommand
  | DevCommand
  | SubmitCommand
  | ClusterCommand
  /** Help or version, for standard output. */
  | { readonly kind: 'Show'; readonly text: string }
  | { readonly kind: 'WrongUsage'; readonly message: string }

const SLOTS_MAX = 256
const NODE_SLOTS_MAX = 1024
const PARALLELISM_MAX = 32_768
const CACHE_MB_MAX = 1_048_576
const ROUND_MAX = 999_999_999_999

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

/** `argv` without the names of the runtime and the script. */
export function parseCommandLine(argv: readonly string[], version: string): Command {
  let shown = ''
  let command: Command | null = null
  const program = createProgram(version, (parsed) => {
    command = parsed
  })
  for (const each of [program, ...commandsOf(program)]) {
    each.exitOverride()
    each.configureOutput({ writeOut: (text) => (shown += text), writeErr: () => {} })
  }
  try {
    program.parse(argv, { from: 'user' })
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown
    return thrown.exitCode === 0 && shown !== ''
      ? { kind: 'Show', text: shown }
      : wrongUsage(thrown.message, argv)
  }
  return command ?? wrongUsage('', argv)
}

const commandsOf = ({ commands }: Commander): readonly Commander[] =>
  commands.flatMap((each) => [each, ...commandsOf(each)])

function createProgram(version: string, found: (command: Command) => void): Commander {
  const program = new Commander('millrace')
    .description('Stateful, back-pressured stream processing in TypeScript.')
    .version(version, '--version', 'show the version')
    .helpOption('--help', 'show this help')
    .helpCommand(false)
    .addHelpText('after', '\nmillrace run --help says more.')
  const run = moduleCommand(program, 'run', 'run the pipeline of a module')
    .option('--summary <file>', 'write a summary as JSON to this file')
    .option('--quiet', 'no progress and no messages but errors')
    .option('--checkpoint-dir <dir>', 'take snapshots, and keep them in this directory')
    .option(
      '--checkpoint-interval <time>',
      'between two checkpoints: 500ms, 10s, 5m (default: 10s)',
    )
    .option('--unaligned', 'barriers go ahead of records, which are stored with the snapshot')
    .option(
      '--alignment-timeout <time>',
      'a checkpoint that has taken so long becomes unaligned (default: 10s)',
    )
  addRestore(
    run,
    '--restore <which>',
    'go on from a snapshot: latest, a number, or the directory of a savepoint',
  )
    .addOption(
      new Option('--state-backend <name>', 'keep state in memory, or on disk with a cache')
        .choices(['heap', 'level'])
        .default('heap'),
    )
    .option('--state-dir <dir>', 'with level: where on disk (default: the folder TMPDIR)')
    .addOption(
      new Option(
        '--state-cache <MiB>',
        'with level: cache of each worker thread (default: 256)',
      ).argParser(wholeNumber(CACHE_MB_MAX)),
    )
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
  moduleCommand(program, 'explain', 'show how the pipeline of a module would run')
    .option('--json', 'as JSON')
    .option('--restore <dir>', 'check that it could go on from the newest snapshot there, and how')
    .option('--allow-dropped-state', 'with --restore: state of former operators may be lost')
    .action((module: string, rest: string[], options: ExplainFlags) => {
      const { json = false, restore = null, allowDroppedState = false } = options
      found({ kind: 'Explain', ...common(module, rest, options), json, restore, allowDroppedState })
    })
  const clusterTools = {
    found,
    wholeNumber: wholeNumber(NODE_SLOTS_MAX),
    mebibytes: wholeNumber(CACHE_MB_MAX),
    named: namedArgument,
  }
  addClusterCommands(program, clusterTools)
  addProcessCommands(program, clusterTools)
  const tools = { found, wholeNumber: wholeNumber(ROUND_MAX) }
  addSnapshotCommands(program, tools)
  addStateCommands(program, tools)
  return program
}

interface Flags {
  readonly slots: number
  readonly parallelism?: number
  readonly arg?: Readonly<Record<string, string>>
  readonly verbose?: boolean
}
type RunFlags = Flags &
  GivenRestore & {
    readonly summary?: string
    readonly quiet?: boolean
    readonly checkpointDir?: string
    readonly checkpointInterval?: string
    readonly unaligned?: boolean
    readonly alignmentTimeout?: string
    readonly stateBackend: 'heap' | 'level'
    readonly stateDir?: string
    readonly stateCache?: number
  }
type ExplainFlags = Flags & {
  readonly json?: boolean
  readonly restore?: string
  readonly allowDroppedState?: boolean
}

function moduleCommand(program: Commander, name: string, description: string): Commander {
  return program
    .command(name)
    .description(description)
    .argument('<module>', 'TypeScript or JavaScript file')
    .argument('[arguments...]', 'arguments for the module')
    .helpOption('--help', 'show this help')
    .addOption(
      new Option('--slots <n>', 'worker threads').argParser(wholeNumber(SLOTS_MAX)).default(1),
    )
    .addOption(
      new Option(
        '--parallelism <n>',
        'subtasks of each operator (default: number of slots)',
      ).argParser(wholeNumber(PARALLELISM_MAX)),
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

function checkpointFlags(command: Commander, flags: RunFlags): CheckpointFlags | null {
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
    throw new InvalidArgumentError(`error: ${lone[0]} needs --checkpoint-dir <dir>`)
  }
  if (unaligned && alignmentTimeout !== undefined) {
    throw new InvalidArgumentError(
      'error: --alignment-timeout says when a checkpoint becomes unaligned, --unaligned that each is: give one',
    )
  }
  return {
    directory: checkpointDir,
    interval: checkpointInterval ?? null,
    unaligned: unaligned ?? false,
    alignmentTimeout: alignmentTimeout ?? null,
    ...restoreFlags(command, flags),
  }
}

function stateFlags({ stateBackend, stateDir, stateCache }: RunFlags): StateBackendOptions {
  const lone = stateDir !== undefined ? '--state-dir' : '--state-cache'
  if (stateBackend === 'heap' && (stateDir !== undefined || stateCache !== undefined)) {
    throw new InvalidArgumentError(`error: ${lone} needs --state-backend level`)
  }
  return {
    backend: stateBackend,
    ...(stateDir !== undefined && { directory: stateDir }),
    ...(stateCache !== undefined && { cacheMb: stateCache }),
  }
}

const wholeNumber = (max: number) => (text: string) => {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${max}.`)
}

function namedArgument(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  const name = text.slice(0, at)
  if (at < 1) throw new InvalidArgumentError('Expected name=value.')
  if (name === '_') throw new InvalidArgumentError('_ holds the arguments without a name.')
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`${name} is given twice.`)
  return Object.fromEntries([...Object.entries(before), [name, text.slice(at + 1)]])
}

/** Words of commands, and of those below them. */
const COMMANDS = new Map<string, readonly string[]>([
  ['run', []],
  ['explain', []],
  ['dev', []],
  ['coordinator', []],
  ['node', []],
  ['submit', []],
  ...CLUSTER_ACTIONS.map((action) => [action, []] as const),
  ['snapshots', SNAPSHOT_ACTIONS],
  ['state', ['read']],
])

/** One message in our words; `argv` tells which command's help to point to. */
function wrongUsage(message: string, argv: readonly string[]): Command {
  const known = argv.find((word) => COMMANDS.has(word))
  const below = known === undefined ? [...COMMANDS.keys()] : COMMANDS.get(known)!
  const action = below.find((word) => argv.includes(word))
  const path = ['millrace', known, action].filter((word) => word !== undefined).join(' ')
  const text = message
    .replace(/^error: /, '')
    .replace(/\n?\(Did you mean (.+)\?\)/, ' (did you mean $1?)')
    .replace(/^missing required argument '(.+)'$/, 'the $1 is missing')
  const isOption = text.startsWith('unknown option') && !text.includes('did you mean')
  const takesModule = known === 'run' || known === 'explain' || known === 'submit'
  const advice = isOption && takesModule ? '; arguments for the module go behind --' : ''
  const missing = `a command is missing: ${below.slice(0, -1).join(', ')} or ${below.at(-1)}`
  const one = below.length === 1 ? `a command is missing: ${below[0]}` : missing
  const said = text === '' || text === '(outputHelp)' ? one : text
  return { kind: 'WrongUsage', message: `${said}${advice}\nSee ${path} --help` }
}
