/** The commands that start processes of a cluster, as the command line understands them. */
import type { CopyOptions } from '../index.js'
import { namedArgument, type Program, wholeNumber } from './program.js'
import { addReach, type GivenReach, type ReachFlags, reach } from './reach-options.js'

const SLOTS_MAX = 1024
const MEBIBYTES_MAX = 1_048_576
/** Of all hosts together there are no more. */
const CONNECTIONS_MAX = 8_192

export interface ListenFlags extends ReachFlags {
  readonly listen: string | null
  readonly tlsCert: string | null
  readonly tlsKey: string | null
  readonly insecure: boolean
  readonly connectionsPerHost: number | null
}

export interface CoordinatorCommand extends ListenFlags {
  readonly kind: 'Coordinator'
  readonly data: string
  readonly snapshotStore: string | null
  readonly verbose: boolean
}

export interface NodeCommand extends ListenFlags {
  readonly kind: 'Node'
  readonly join: string
  readonly slots: number | null
  readonly name: string | null
  readonly labels: Readonly<Record<string, string>>
  readonly advertise: string | null
  /** Null: none are kept. */
  readonly copies: CopyOptions | null
  readonly stateDir: string | null
  readonly verbose: boolean
}

export interface DevCommand {
  readonly kind: 'Dev'
  readonly listen: string | null
  /** Null: a directory that is gone with the process. */
  readonly data: string | null
  readonly slots: number | null
  readonly verbose: boolean
}

const EXIT_CODES = `
Exit codes: 0 stopped by Ctrl-C or SIGTERM, 2 it could not start, 130 stopped at once by a
second signal.`

const LISTENING = `
Without a secret only this machine is listened to. Beyond it, a secret is needed, and a
certificate with its key, or --insecure where the network is trusted. A secret is a line of
32 characters or more in a file: openssl rand -hex 32. Its file may be named by
$MILLRACE_SECRET_FILE.
${EXIT_CODES}`

const COORDINATOR_HELP = `
The coordinator owns the jobs of a cluster. Started again on the same data, it goes on with
those that ran. Ctrl-C and SIGTERM stop the jobs behind a checkpoint first; a second signal
ends it at once.
${LISTENING}

Examples:
  millrace coordinator
  millrace coordinator --listen 10.0.0.5:7373 --secret-file secret --tls-cert c.pem --tls-key k.pem`

const NODE_HELP = `
A node hosts slots, in which jobs run. It tries to join until it can. When its connections
to the coordinator are lost it keeps its work and connects again; where the coordinator has
given the work to others meanwhile, the node ends it and joins anew. Ctrl-C and SIGTERM move
its work to other nodes first; a second signal ends it at once, and what ran there goes on
elsewhere from its last checkpoint.

Chunks of snapshots lie with the coordinator. A node keeps copies, in files, of those that
its slots wrote for the last checkpoint: what restarts here need not fetch them. No
checkpoint counts on copies, and they are gone with the node.
${LISTENING}

Examples:
  millrace node --join ws://127.0.0.1:7373
  millrace node --join wss://10.0.0.5:7373 --listen 10.0.0.6:7374 --secret-file secret --label zone=a`

const DEV_HELP = `
For this machine only: for trying things out.
${EXIT_CODES}`

type Found = (command: CoordinatorCommand | NodeCommand | DevCommand) => void

export function addProcessCommands(program: Program, found: Found): void {
  addCoordinator(program, found)
  addNode(program, found)
  addDev(program, found)
}

function addCoordinator(program: Program, found: Found): void {
  const command = program
    .command('coordinator')
    .description('start a coordinator: the process that owns the jobs of a cluster')
  addListening(command, '127.0.0.1:7373')
    .option('--data <dir>', 'where it keeps jobs and snapshots', 'millrace-data')
    .option('--snapshot-store <dir>', 'keep the snapshots here instead, such as on a share')
    .option('--verbose', 'show stacks of errors')
    .addHelpText('after', COORDINATOR_HELP)
    .action((flags: Flags & { readonly data: string; readonly snapshotStore?: string }) => {
      const { data, snapshotStore = null, verbose = false } = flags
      found({ kind: 'Coordinator', ...listening(flags), data, snapshotStore, verbose })
    })
}

interface NodeFlags extends Flags {
  readonly join: string
  readonly slots?: number
  readonly name?: string
  readonly label?: Readonly<Record<string, string>>
  readonly advertise?: string
  /** False: --no-copies. */
  readonly copies: boolean
  readonly copiesDir?: string
  readonly copiesMax?: number
  readonly stateDir?: string
}

function addNode(program: Program, found: Found): void {
  const command = program
    .command('node')
    .description('start a node: a process that hosts slots for a coordinator')
    .requiredOption('--join <url>', 'the coordinator: ws://host:port, wss://host:port')
    .option(
      '--slots <n>',
      'worker threads (default: the number of processors)',
      wholeNumber(SLOTS_MAX),
    )
    .option('--name <name>', 'its name, which no other node has (default: of host and process)')
    .option('--label <name=value>', 'what jobs may ask for; may be repeated', namedArgument)
  addListening(command, 'a free port of 127.0.0.1')
    .option('--advertise <host>', 'what other nodes dial, where it is not the host of --listen')
    .option('--copies-dir <dir>', 'where it keeps copies of chunks (default: the folder TMPDIR)')
    .option('--copies-max <MiB>', 'how much of them (default: 512)', wholeNumber(MEBIBYTES_MAX))
    .option('--no-copies', 'keep none: restores fetch all from the coordinator')
    .option(
      '--state-dir <dir>',
      'where it keeps state larger than memory (default: the folder TMPDIR)',
    )
    .option('--verbose', 'show stacks of errors')
    .addHelpText('after', NODE_HELP)
    .action((flags: NodeFlags) => {
      const { join, slots = null, name = null, label = {}, advertise = null } = flags
      const { stateDir = null, verbose = false } = flags
      const copies = copyOptions(flags)
      const own = { join, slots, name, labels: label, advertise, copies, stateDir, verbose }
      found({ kind: 'Node', ...listening(flags), ...own })
    })
}

function copyOptions({ copies, copiesDir, copiesMax }: NodeFlags): CopyOptions | null {
  if (!copies) return null
  return {
    ...(copiesDir !== undefined && { directory: copiesDir }),
    ...(copiesMax !== undefined && { bytesMax: copiesMax * 2 ** 20 }),
  }
}

function addDev(program: Program, found: Found): void {
  program
    .command('dev')
    .description('start a coordinator and a node in one process')
    .helpOption('--help', 'show this help')
    .option('--listen <address>', 'where it listens (default: 127.0.0.1:7373)')
    .option(
      '--slots <n>',
      'worker threads (default: the number of processors)',
      wholeNumber(SLOTS_MAX),
    )
    .option('--data <dir>', 'keep jobs and snapshots here (default: not beyond its end)')
    .option('--verbose', 'show stacks of errors')
    .addHelpText('after', DEV_HELP)
    .action((flags: Flags & { readonly slots?: number; readonly data?: string }) => {
      const { listen = null, slots = null, data = null, verbose = false } = flags
      found({ kind: 'Dev', listen, slots, data, verbose })
    })
}

interface Flags extends GivenReach {
  readonly listen?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly insecure?: boolean
  readonly connectionsPerHost?: number
  readonly verbose?: boolean
}

function addListening(command: Program, byDefault: string): Program {
  return addReach(command)
    .option('--listen <address>', `where it listens: host:port (default: ${byDefault})`)
    .option('--tls-cert <file>', 'certificate, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .option('--insecure', 'listen beyond this machine without TLS')
    .option(
      '--connections-per-host <n>',
      'that one remote host may open at once (default: 2048)',
      wholeNumber(CONNECTIONS_MAX),
    )
}

const listening = (flags: Flags): ListenFlags => ({
  ...reach(flags),
  listen: flags.listen ?? null,
  tlsCert: flags.tlsCert ?? null,
  tlsKey: flags.tlsKey ?? null,
  insecure: flags.insecure ?? false,
  connectionsPerHost: flags.connectionsPerHost ?? null,
})
