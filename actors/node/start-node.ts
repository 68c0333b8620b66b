/** A node in this process, reached over sockets. */
import { availableParallelism, hostname } from 'node:os'
import type { Observable } from 'rxjs'
import { packageVersion } from '../../lib/base/package-version.js'
import { ReplaySubject } from '../../lib/base/rxjs.js'
import { optionNames, refuseUnknownOptions } from '../../lib/base/unknown-option.js'
import { openCopyFiles, removeLeftoverCopies } from '../../lib/snapshot/copy-files.js'
import { formatAddress } from '../../lib/transport/address.js'
import {
  LISTENING_OPTIONS,
  type ListeningOptions,
  TLS_OPTIONS,
} from '../../lib/transport/join-options.js'
import type { Network } from '../../lib/transport/network.js'
import type { CopyPlace } from './node-copies.js'
import type { NodeEvent } from './node-event.js'

/** Options of `startNode`. */
export interface NodeOptions extends ListeningOptions {
  /** URL of the coordinator. */
  readonly join: string
  /** Worker threads, each of which hosts one subtask of each operator of a job. Default: the processors. */
  readonly slots?: number
  /** Its name in the cluster, which no other node has. Default: of the host and the process. */
  readonly name?: string
  /** What jobs may ask for: `{ zone: 'a' }`. */
  readonly labels?: Readonly<Record<string, string>>
  /** Where other nodes reach it. Default: a free port of loopback, which other hosts do not reach. */
  readonly listen?: string
  /** The host that other nodes dial, where it is not the one of `listen`: of a container, or 0.0.0.0. */
  readonly advertise?: string
  /**
   * Copies of the chunks of snapshots that its slots write: a restore here reads them, and fetches from the
   * coordinator only what is missing or damaged. They never count as written. False: none, where the
   * coordinator is on the same machine.
   */
  readonly copies?: CopyOptions | false
  /**
   * A directory on a fast local disk, for jobs that keep their state there (`state: 'level'`). Default: the
   * folder for temporary files (TMPDIR). It is no safe: snapshots are what survives.
   */
  readonly stateDirectory?: string
}

/** Where a node keeps copies of chunks. */
export interface CopyOptions {
  /** Default: the folder for temporary files (TMPDIR). What is there goes with the process. */
  readonly directory?: string
  /** Of disk, at most. Default: 512 MiB. */
  readonly bytesMax?: number
}

/** A node that runs in this process. */
export interface RunningNode {
  readonly name: string
  /** What other nodes dial. */
  readonly url: string
  /** Slots that work, by their refs. */
  readonly slots: readonly string[]
  /** The last of what has happened to it, and what happens. */
  readonly events$: Observable<NodeEvent>
  /** Moves its work to other nodes where there is room, within this time, then stops. */
  leave(withinMs: number): Promise<void>
  /** Stops at once; what ran here begins again elsewhere, from its last checkpoint. */
  stop(): Promise<void>
}

/**
 * Starts a node: a process that hosts slots for a coordinator. Resolves when it has joined, or has found
 * that it cannot yet: it goes on trying, `events$` tells. In the main thread only.
 *
 * @throws MillraceError `E_UNKNOWN_OPTION`, `E_PEER_REFUSED` (another secret), `E_PEER_CLUSTER`,
 * `E_PEER_VERSION`, `E_BAD_NODE`; as `startCoordinator` about where it listens.
 * @example
 * const node = await startNode({ join: 'ws://127.0.0.1:7373', slots: 4, labels: { zone: 'a' } })
 * node.events$.subscribe((event) => console.error(event))
 */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  refuseUnknownOptions('startNode', options, OPTIONS, PARTS)
  const { createProcessNetwork } = await import('../../lib/transport/process-network.js')
  const { ClusterNode } = await import('./node.js')
  const { join, slots = availableParallelism(), labels = {} } = options
  const { name = nextName(), listen = '127.0.0.1:0', advertise, copies = {} } = options
  const { stateDirectory } = options
  const network = await createProcessNetwork({ party: 'node', id: name }, options, listen)
  const node = new ClusterNode({
    network: advertise === undefined ? network : advertising(network, advertise),
    join,
    address: listen,
    slots,
    labels,
    version: packageVersion(),
    ...(copies !== false && { copies: copyPlace(copies) }),
    ...(stateDirectory !== undefined && { stateDirectory }),
  })
  const events$ = new ReplaySubject<NodeEvent>(EVENTS_KEPT)
  node.events$.subscribe(events$)
  try {
    await node.start()
  } catch (error) {
    await node.stop()
    throw error
  }
  return {
    name,
    get url() {
      return node.url
    },
    get slots() {
      return node.slots
    },
    events$,
    leave: (withinMs) => node.leave(withinMs),
    stop: () => node.stop(),
  }
}

const OPTIONS = [
  ...LISTENING_OPTIONS,
  ...optionNames<Omit<NodeOptions, keyof ListeningOptions>>({
    join: true,
    slots: true,
    name: true,
    labels: true,
    advertise: true,
    copies: true,
    stateDirectory: true,
  }),
]
const PARTS = {
  tls: TLS_OPTIONS,
  copies: optionNames<CopyOptions>({ directory: true, bytesMax: true }),
}

const EVENTS_KEPT = 64
const COPIES_BYTES_MAX = 512 * 2 ** 20

function copyPlace({ directory, bytesMax = COPIES_BYTES_MAX }: CopyOptions): CopyPlace {
  const root = directory ?? null
  removeLeftoverCopies(root)
  return { open: () => openCopyFiles(root), bytesMax }
}

let named = 0

/** Of this host and process, and of which of its nodes. */
function nextName(): string {
  const host = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 40)
  const which = ++named === 1 ? '' : `-${named}`
  return `${host === '' ? 'node' : host}-${process.pid}${which}`
}

/** What listens tells others another host than its own. */
const advertising = (network: Network, host: string): Network => ({
  ...network,
  listen: async (address, welcome) => {
    const listener = await network.listen(address, welcome)
    const scheme = listener.url.slice(0, listener.url.indexOf('//'))
    const url = `${scheme}//${formatAddress({ host, port: listener.port })}`
    return { ...listener, url }
  },
})
