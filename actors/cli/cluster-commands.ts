/** The commands for a cluster that runs, as the command line understands them. Nothing is done here. */
import type { StateBackendOptions } from '../index.js'
import type { ModuleArgs } from '../planner/protocol.js'
import { listed, namedArgument, type Program, wholeNumber, wrongFlags } from './program.js'
import { addReach, type GivenReach, type ReachFlags, reach } from './reach-options.js'
import {
  addRestore,
  type GivenRestore,
  type RestoreFlags,
  restoreFlags,
} from './restore-options.js'
import { addState, type GivenState, stateFlags } from './state-options.js'
import {
  addUnaligned,
  type GivenUnaligned,
  type UnalignedFlags,
  unalignedFlags,
} from './unaligned-options.js'

/** Of a command that talks to a coordinator. */
export interface ClientFlags extends ReachFlags {
  /** Null: the environment, or the default. */
  readonly coordinator: string | null
  /** How long a lost one is tried again, as given: `30s`. */
  readonly reconnect: string | null
  readonly verbose: boolean
}

/** Restored is the directory of a savepoint. */
export interface SubmitCommand extends ClientFlags, RestoreFlags, UnalignedFlags {
  readonly kind: 'Submit'
  readonly module: string
  readonly args: ModuleArgs
  readonly parallelism: number | null
  readonly detach: boolean
  readonly quiet: boolean
  readonly pack: boolean
  /** Takes as many slots as there are, up to so many; null: `parallelism`. */
  readonly reactive: number | null
  /** Jobs with whose slots it shares no node. */
  readonly apartFrom: readonly string[]
  /** A job whose nodes it is to share. */
  readonly besides: string | null
  /** For slots, as given: `5m`. */
  readonly wait: string | null
  readonly labels: Readonly<Record<string, string>>
  /** As given: `1s`. */
  readonly checkpointInterval: string | null
  readonly checkpoints: boolean
  readonly state: StateBackendOptions
}

/** What is done about one job, one node, or all of them. */
export type ClusterAction =
  | { readonly name: 'list' | 'nodes' }
  | { readonly name: 'cancel' | 'events' | 'placement'; readonly job: string }
  | { readonly name: 'stop'; readonly job: string; readonly savepoint: string | null }
  | { readonly name: 'savepoint'; readonly job: string; readonly directory: string }
  | {
      readonly name: 'rescale'
      readonly job: string
      readonly slots: number
      /** As given: `5m`; null: not at all. */
      readonly wait: string | null
    }
  | { readonly name: 'cordon' | 'uncordon' | 'evacuate'; readonly node: string }

export interface ClusterCommand extends ClientFlags {
  readonly kind: 'Cluster'
  readonly action: ClusterAction
  readonly json: boolean
}

/** Words of these commands. */
export const CLUSTER_ACTIONS = [
  'list',
  'cancel',
  'stop',
  'savepoint',
  'rescale',
  'events',
  'nodes',
  'placement',
  'cordon',
  'uncordon',
  'evacuate',
] as const

/** How long `rescale --wait` waits. */
const WAIT = '5m'
/** Slots, of a job. */
const SLOTS_MAX = 1024

const SUBMIT_HELP = `
The module is bundled with what it imports and sent to the cluster; its files and its
standard output are then those of the nodes. It is followed until it ends: Ctrl-C leaves it
running. --detach prints its id, and follows nothing. A coordinator that is lost meanwhile is
tried again, for as long as --reconnect says; the job goes on in any case.

A savepoint's directory is that of the coordinator's machine. State that is larger than memory
(--state-backend level) lies where each node's --state-dir says.

Exit codes: 0 finished (with --detach: started), 1 the job failed or the coordinator was
lost, 2 nothing was started because of the command line, the module or the cluster,
130 interrupted, and the job goes on; or someone has stopped or cancelled it.

Examples:
  millrace submit word-count.ts hamlet.txt --parallelism 4
  millrace submit sales.ts --detach --label zone=a --arg city=Oslo
  millrace submit sales.ts --reactive 16 --wait 1h
  millrace submit sales.ts --restore saved --claim`

const CLIENT_HELP = `
The coordinator is $MILLRACE_COORDINATOR where it is not given, else ws://127.0.0.1:7373.

Exit codes: 0 done, 2 nothing was done because of the command line or the cluster,
130 interrupted.`

type Found = (command: SubmitCommand | ClusterCommand) => void

export function addClusterCommands(program: Program, found: Found): void {
  addSubmit(program, found)
  addJobCommands(program, found)
  addNodeCommands(program, found)
}

interface SubmitFlags extends Flags, GivenRestore, GivenUnaligned, GivenState {
  readonly parallelism?: number
  readonly detach?: boolean
  readonly quiet?: boolean
  readonly pack?: boolean
  readonly reactive?: number
  readonly apartFrom?: readonly string[]
  readonly besides?: string
  readonly wait?: string
  readonly label?: Readonly<Record<string, string>>
  readonly arg?: Readonly<Record<string, string>>
  readonly checkpointInterval?: string
  readonly checkpoints: boolean
}

function addSubmit(program: Program, found: Found): void {
  const command = program
    .command('submit')
    .description('run the pipeline of a module on a cluster')
    .argument('<module>', 'TypeScript or JavaScript file')
    .argument('[arguments...]', 'arguments for the module')
  addClient(command)
    .option(
      '--parallelism <n>',
      'slots, and subtasks of each operator (default: 1)',
      wholeNumber(SLOTS_MAX),
    )
    .option(
      '--reactive <n>',
      'as many slots as there are, up to so many; follows nodes that join and leave',
      wholeNumber(SLOTS_MAX),
    )
    .option('--detach', 'print the id of the job once it is planned, and leave')
    .option(
      '--arg <name=value>',
      'argument for the module, by name; may be repeated',
      namedArgument,
    )
    .option('--label <name=value>', 'only on nodes with this label; may be repeated', namedArgument)
    .option('--pack', 'fill a node before the next (default: spread over all)')
    .option('--apart-from <job>', 'share no node with this job; may be repeated', listed)
    .option('--besides <job>', 'only on nodes of this job')
    .option('--wait <time>', 'for slots, also for those it loses: 30s, 1h (default: 5m)')
    .option('--checkpoint-interval <time>', 'between two checkpoints: 500ms, 10s (default: 10s)')
    .option('--no-checkpoints', 'take none: a failure begins at the beginning')
  addUnaligned(command)
  addState(addRestore(command, '--restore <dir>', 'go on from a savepoint'))
    .option('--quiet', 'no progress and no messages but errors')
    .addHelpText('after', SUBMIT_HELP)
    .action((module: string, rest: string[], flags: SubmitFlags) => {
      const restoring = restoreFlags(command, flags)
      refuseContradictions(flags)
      found({
        kind: 'Submit',
        ...client(flags),
        module,
        args: { ...flags.arg, _: rest },
        parallelism: flags.parallelism ?? null,
        detach: flags.detach ?? false,
        quiet: flags.quiet ?? false,
        pack: flags.pack ?? false,
        reactive: flags.reactive ?? null,
        apartFrom: flags.apartFrom ?? [],
        besides: flags.besides ?? null,
        wait: flags.wait ?? null,
        labels: flags.label ?? {},
        checkpointInterval: flags.checkpointInterval ?? null,
        checkpoints: flags.checkpoints,
        ...unalignedFlags(flags),
        state: stateFlags(flags),
        ...restoring,
      })
    })
}

function refuseContradictions(flags: SubmitFlags): void {
  const { restore, checkpoints, reactive, parallelism } = flags
  if (reactive !== undefined && parallelism !== undefined) {
    throw wrongFlags('--reactive takes as many slots as there are, --parallelism so many: give one')
  }
  if (checkpoints) return
  if (restore !== undefined) {
    throw wrongFlags('--restore goes on from a snapshot, --no-checkpoints takes none: give one')
  }
  const lone = [
    ['--checkpoint-interval', flags.checkpointInterval],
    ['--unaligned', flags.unaligned],
    ['--alignment-timeout', flags.alignmentTimeout],
  ].find(([, value]) => value !== undefined)
  if (lone === undefined) return
  throw wrongFlags(`${lone[0]} is said of checkpoints, --no-checkpoints takes none: give one`)
}

function addJobCommands(program: Program, found: Found): void {
  const cluster = (action: ClusterAction, flags: Flags) =>
    found({ kind: 'Cluster', action, json: flags.json ?? false, ...client(flags) })
  const command = (name: string, description: string) => {
    const added = program.command(name).description(description)
    return addClient(added).addHelpText('after', CLIENT_HELP)
  }
  const ofJob = (name: string, description: string) =>
    command(name, description).argument('<job>', 'its id, or the beginning of it')

  command('list', 'the jobs of a cluster')
    .option('--json', 'as JSON')
    .action((flags: Flags) => cluster({ name: 'list' }, flags))
  ofJob('cancel', 'end a job at once').action((job: string, flags: Flags) =>
    cluster({ name: 'cancel', job }, flags),
  )
  ofJob('stop', 'end a job behind a checkpoint, or a savepoint')
    .option('--savepoint <dir>', 'write a savepoint there')
    .action((job: string, flags: Flags & { readonly savepoint?: string }) =>
      cluster({ name: 'stop', job, savepoint: flags.savepoint ?? null }, flags),
    )
  ofJob('savepoint', 'write a savepoint; the job goes on')
    .argument('<dir>', "a directory of the coordinator's machine")
    .action((job: string, directory: string, flags: Flags) =>
      cluster({ name: 'savepoint', job, directory }, flags),
    )
  ofJob('rescale', 'move a job to so many slots, behind a checkpoint')
    .argument('<slots>', 'how many', wholeNumber(SLOTS_MAX))
    .option(
      '--wait [time]',
      `until so many are there, while the job runs on: 30s, 1h (alone: ${WAIT}; default: not at all)`,
    )
    .action((job: string, slots: number, flags: Flags & { readonly wait?: string | true }) => {
      const wait = flags.wait === true ? WAIT : (flags.wait ?? null)
      cluster({ name: 'rescale', job, slots, wait }, flags)
    })
  ofJob('events', 'what happens to a job, until it ends')
    .option('--json', 'a JSON object for each, one per line')
    .action((job: string, flags: Flags) => cluster({ name: 'events', job }, flags))
  ofJob('placement', 'where the slots of a job are')
    .option('--json', 'as JSON')
    .action((job: string, flags: Flags) => cluster({ name: 'placement', job }, flags))
}

function addNodeCommands(program: Program, found: Found): void {
  const command = (name: string, description: string) =>
    addClient(program.command(name).description(description)).addHelpText('after', CLIENT_HELP)
  command('nodes', 'the nodes of a cluster')
    .option('--json', 'as JSON')
    .action((flags: Flags) => {
      found({
        kind: 'Cluster',
        action: { name: 'nodes' },
        json: flags.json ?? false,
        ...client(flags),
      })
    })
  const ofNode = (name: 'cordon' | 'uncordon' | 'evacuate', description: string) =>
    command(name, description)
      .argument('<node>', 'its name')
      .action((node: string, flags: Flags) => {
        found({ kind: 'Cluster', action: { name, node }, json: false, ...client(flags) })
      })
  ofNode('cordon', 'give a node nothing new, also when it joins anew, until it is uncordoned')
  ofNode('uncordon', 'let a node have work again')
  ofNode('evacuate', 'move the work of a node elsewhere, and cordon it')
}

interface Flags extends GivenReach {
  readonly coordinator?: string
  readonly reconnect?: string
  readonly json?: boolean
  readonly verbose?: boolean
}

const addClient = (command: Program): Program =>
  addReach(command)
    .option('--coordinator <url>', 'ws://host:port (or $MILLRACE_COORDINATOR)')
    .option(
      '--reconnect <time>',
      'how long a coordinator that is lost is tried again: 30s, 1h; 0s: not at all (default: 2m)',
    )
    .option('--verbose', 'show stacks of errors, and every message')

const client = (flags: Flags): ClientFlags => ({
  ...reach(flags),
  coordinator: flags.coordinator ?? null,
  reconnect: flags.reconnect ?? null,
  verbose: flags.verbose ?? false,
})
