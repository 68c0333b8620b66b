/** The command line as data: what is asked for, or what is wrong with it. Nothing is done here. */

import {
  addClusterCommands,
  CLUSTER_ACTIONS,
  type ClusterCommand,
  type SubmitCommand,
} from './cluster-commands.js'
import { addModuleCommands, type ExplainCommand, type RunCommand } from './module-commands.js'
import {
  addProcessCommands,
  type CoordinatorCommand,
  type DevCommand,
  type NodeCommand,
} from './process-commands.js'
import { newProgram, type Program, stopOf } from './program.js'
import {
  addSnapshotCommands,
  addStateCommands,
  SNAPSHOT_ACTIONS,
  type SnapshotsCommand,
  type StateReadCommand,
} from './snapshot-commands.js'

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
    const { ok, message } = stopOf(thrown)
    return ok && shown !== '' ? { kind: 'Show', text: shown } : wrongUsage(message, argv)
  }
  return command ?? wrongUsage('', argv)
}

const commandsOf = ({ commands }: Program): readonly Program[] =>
  commands.flatMap((each) => [each, ...commandsOf(each)])

function createProgram(version: string, found: (command: Command) => void): Program {
  const program = newProgram('millrace')
    .description('Stateful, back-pressured stream processing in TypeScript.')
    .version(version, '--version', 'show the version')
    .helpOption('--help', 'show this help')
    .helpCommand(false)
    .addHelpText('after', '\nmillrace run --help says more.')
  addModuleCommands(program, found)
  addClusterCommands(program, found)
  addProcessCommands(program, found)
  addSnapshotCommands(program, found)
  addStateCommands(program, found)
  return program
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
    .replace(/^command-argument value ('.*') is invalid for argument '(.+?)'\./, '<$2> is $1.')
    .replace(/^missing required argument 'slots'$/, 'the number of slots is missing')
    .replace(/^missing required argument '(.+)'$/, 'the $1 is missing')
  const isOption = text.startsWith('unknown option') && !text.includes('did you mean')
  const takesModule = known === 'run' || known === 'explain' || known === 'submit'
  const advice = isOption && takesModule ? '; arguments for the module go behind --' : ''
  const missing = `a command is missing: ${below.slice(0, -1).join(', ')} or ${below.at(-1)}`
  const one = below.length === 1 ? `a command is missing: ${below[0]}` : missing
  const said = text === '' || text === '(outputHelp)' ? one : text
  return { kind: 'WrongUsage', message: `${said}${advice}\nSee ${path} --help` }
}
