/** The commands that look at snapshots, as the command line understands them. Nothing is done here. */
import { type Program, wholeNumber } from './program.js'

export const SNAPSHOT_ACTIONS = ['list', 'show', 'verify', 'diff', 'delete'] as const
export type SnapshotAction = (typeof SNAPSHOT_ACTIONS)[number]

export interface SnapshotsCommand {
  readonly kind: 'Snapshots'
  readonly action: SnapshotAction
  readonly directory: string
  /** As given: none, one, or of `diff` two. */
  readonly rounds: readonly number[]
  readonly force: boolean
  readonly json: boolean
  readonly verbose: boolean
}

export interface StateReadCommand {
  readonly kind: 'StateRead'
  readonly directory: string
  readonly operator: string
  /** Null: all of the operator's. */
  readonly state: string | null
  /** As given; null: all. */
  readonly key: string | null
  /** Null: the newest. */
  readonly round: number | null
  readonly json: boolean
  readonly verbose: boolean
}

/** Numbers of snapshots. */
const ROUND_MAX = 999_999_999_999
const roundNumber = wholeNumber(ROUND_MAX)

interface Flags {
  readonly force?: boolean
  readonly json?: boolean
  readonly verbose?: boolean
}

const SNAPSHOTS_HELP = `
The directory is that of --checkpoint-dir, or of a savepoint. While a job runs on it
no other command can open it.

Exit codes: 0 done, 1 a snapshot is damaged, 2 nothing was done because of the command
line or the directory.

Examples:
  millrace snapshots list state
  millrace snapshots show state 7
  millrace snapshots verify state
  millrace snapshots diff state 6 7`

export function addSnapshotCommands(
  program: Program,
  found: (command: SnapshotsCommand) => void,
): void {
  const snapshots = program
    .command('snapshots')
    .description('look at the snapshots in a directory')
    .helpOption('--help', 'show this help')
    .helpCommand(false)
    .addHelpText('after', SNAPSHOTS_HELP)
  const command = (action: SnapshotAction, description: string) =>
    snapshots
      .command(action)
      .description(description)
      .helpOption('--help', 'show this help')
      .argument('<directory>', 'where the snapshots lie')
      .option('--json', 'as JSON')
      .option('--verbose', 'show stacks of errors')
  const understood = (
    action: SnapshotAction,
    directory: string,
    rounds: readonly (number | undefined)[],
    { force = false, json = false, verbose = false }: Flags,
  ) => {
    const given = rounds.filter((round) => round !== undefined)
    found({ kind: 'Snapshots', action, directory, rounds: given, force, json, verbose })
  }
  command('list', 'a line for each snapshot').action((directory: string, flags: Flags) =>
    understood('list', directory, [], flags),
  )
  command('show', 'sizes, durations and operators of a snapshot')
    .argument('[round]', 'default: the newest', roundNumber)
    .action((directory: string, round: number | undefined, flags: Flags) =>
      understood('show', directory, [round], flags),
    )
  command('verify', 'read every byte, and name what is damaged')
    .argument('[round]', 'default: all', roundNumber)
    .action((directory: string, round: number | undefined, flags: Flags) =>
      understood('verify', directory, [round], flags),
    )
  command('diff', 'operators that were kept, are new or were dropped, and their sizes')
    .argument('[from]', 'default: the newest but one', roundNumber)
    .argument('[to]', 'default: the newest', roundNumber)
    .action((directory: string, from: number | undefined, to: number | undefined, flags: Flags) =>
      understood('diff', directory, [from, to], flags),
    )
  command('delete', 'delete a snapshot, and the chunks that no other one needs')
    .argument('<round>', 'its number', roundNumber)
    .option('--force', 'also where it is the newest')
    .action((directory: string, round: number, flags: Flags) =>
      understood('delete', directory, [round], flags),
    )
}

interface StateFlags extends Flags {
  readonly operator: string
  readonly state?: string
  readonly key?: string
  readonly round?: number
}

const STATE_HELP = `
One line for each row of state. A key is text, or JSON where it is not text:
--key Oslo, --key 7, --key '["Oslo",7]'.

Exit codes: 0 done, 1 nothing is kept of that key, 2 nothing was read because of the command
line or the snapshots.

Examples:
  millrace state read state --operator words
  millrace state read state --operator words --key the --json`

export function addStateCommands(
  program: Program,
  found: (command: StateReadCommand) => void,
): void {
  program
    .command('state')
    .description('look at the state in a snapshot')
    .helpOption('--help', 'show this help')
    .helpCommand(false)
    .command('read')
    .description('show what an operator keeps')
    .helpOption('--help', 'show this help')
    .argument('<directory>', 'where the snapshots lie')
    .requiredOption('--operator <name>', 'whose state')
    .option('--state <name>', 'only this one of its states')
    .option('--key <key>', 'only of this key')
    .option('--round <n>', 'of this snapshot (default: the newest)', roundNumber)
    .option('--json', 'a JSON object for each row, one per line')
    .option('--verbose', 'show stacks of errors')
    .addHelpText('after', STATE_HELP)
    .action((directory: string, flags: StateFlags) => {
      const { operator, state = null, key = null, round = null } = flags
      const { json = false, verbose = false } = flags
      found({ kind: 'StateRead', directory, operator, state, key, round, json, verbose })
    })
}
