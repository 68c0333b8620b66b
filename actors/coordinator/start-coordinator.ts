/** A coordinator in this process, reached over sockets. */
import type { Observable } from 'rxjs'
import { optionNames, refuseUnknownOptions } from '../../lib/base/unknown-option.js'
import {
  LISTENING_OPTIONS,
  type ListeningOptions,
  TLS_OPTIONS,
} from '../../lib/transport/join-options.js'
import type { ClusterEvent } from './protocol.js'

/** Where a coordinator listens, and clients look for it, where nobody says otherwise. */
export const COORDINATOR_ADDRESS = '127.0.0.1:7373'

/** Options of `startCoordinator`. */
export interface CoordinatorOptions extends ListeningOptions {
  /** Default `127.0.0.1:7373`. */
  readonly listen?: string
  /**
   * Directory of what it must know again after its own death: jobs, their modules, and their snapshots.
   * One coordinator at a time: a second one is refused.
   */
  readonly data: string
  /** Another directory for the snapshots, such as a share that outlives the machine. */
  readonly snapshotStore?: string
}

/** A coordinator that runs in this process. */
export interface RunningCoordinator {
  /** What nodes join and clients connect to. */
  readonly url: string
  /** How often one has been started on its data. */
  readonly term: number
  readonly events$: Observable<ClusterEvent>
  /** Jobs stop behind a checkpoint, and go on when a coordinator is started on the same data. */
  stop(): Promise<void>
}

/**
 * Starts a coordinator: the process that owns the jobs of a cluster, their placement and their snapshots.
 * Resolves when it listens; jobs that ran when it last stopped or died begin again from their snapshots
 * a few seconds later. In the main thread only.
 *
 * @throws MillraceError `E_UNKNOWN_OPTION`, `E_ADDRESS`, `E_LISTEN`, `E_LISTEN_NO_SECRET`,
 * `E_LISTEN_NO_TLS`, `E_SECRET_…`, `E_TLS`, `E_DATA`, `E_DATA_LOCKED`, `E_RECORD_DAMAGED`.
 * @example
 * const coordinator = await startCoordinator({ data: 'coordinator', listen: ':0' })
 * coordinator.events$.subscribe((event) => console.error(event))
 * const node = await startNode({ join: coordinator.url, slots: 4 })
 */
export async function startCoordinator(options: CoordinatorOptions): Promise<RunningCoordinator> {
  refuseUnknownOptions('startCoordinator', options, OPTIONS, { tls: TLS_OPTIONS })
  const { CLUSTER, createProcessNetwork } = await import('../../lib/transport/process-network.js')
  const { Coordinator } = await import('./coordinator.js')
  const { cluster = CLUSTER, listen = COORDINATOR_ADDRESS, data, snapshotStore } = options
  const who = { party: 'coordinator', id: 'coordinator' } as const
  const network = await createProcessNetwork(who, options, listen)
  const coordinator = new Coordinator({
    network,
    address: listen,
    data,
    cluster,
    ...(snapshotStore !== undefined && { snapshots: snapshotStore }),
  })
  await coordinator.start()
  return coordinator
}

const OPTIONS = [
  ...LISTENING_OPTIONS,
  ...optionNames<Omit<CoordinatorOptions, keyof ListeningOptions>>({
    data: true,
    snapshotStore: true,
  }),
]
