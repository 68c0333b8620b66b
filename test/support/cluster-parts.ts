/** Coordinators, nodes and clients over sockets, as tests make them: of data. */
import { type Cluster, connectOver } from '../../actors/client/client.js'
import { Coordinator } from '../../actors/coordinator/coordinator.js'
import { ClusterNode } from '../../actors/node/node.js'
import { openCopyFiles } from '../../lib/snapshot/copy-files.js'
import type { Identity } from '../../lib/transport/node-links.js'
import { newIncarnation, secretsIn } from '../../lib/transport/secret.js'
import { createSocketNetwork } from '../../lib/transport/socket-network.js'

export interface ProcessSettings {
  readonly kind: 'coordinator' | 'node'
  readonly name: string
  readonly listen: string
  /** Null on loopback. */
  readonly secret: string | null
  /** Of the coordinator. */
  readonly data?: string
  /** URL of the coordinator. */
  readonly join?: string
  readonly slots?: number
  readonly labels?: Readonly<Record<string, string>>
  /** Of chunks, in the folder for temporary files. */
  readonly keepsCopies?: boolean
  readonly stateDirectory?: string
  /** It tells how much of its lease was left whenever that was renewed. */
  readonly tellsLeases?: boolean
}

const CLUSTER = 'test'

export function networkOf(party: Identity['party'], id: string, secret: string | null) {
  return createSocketNetwork({
    self: { cluster: CLUSTER, party, id, incarnation: newIncarnation() },
    secrets: secret === null ? [] : secretsIn(secret, 'the test'),
    insecure: true,
    log: (line) => process.stderr.write(`${id}: ${line}\n`),
  })
}

export const coordinatorOf = ({ name, listen, secret, data }: ProcessSettings): Coordinator =>
  new Coordinator({
    network: networkOf('coordinator', name, secret),
    address: listen,
    data: data!,
    cluster: CLUSTER,
  })

export const clusterNode = (settings: ProcessSettings): ClusterNode => {
  const { name, listen, secret, join, slots = 1, labels = {} } = settings
  const { keepsCopies = false, stateDirectory } = settings
  return new ClusterNode({
    network: networkOf('node', name, secret),
    join: join!,
    address: listen,
    slots,
    labels,
    version: '0.1.0',
    ...(keepsCopies && { copies: { open: () => openCopyFiles(null), bytesMax: 2 ** 30 } }),
    ...(stateDirectory !== undefined && { stateDirectory }),
  })
}

export const clientOf = (url: string, secret: string | null): Promise<Cluster> =>
  connectOver(networkOf('client', 'test-client', secret), url)
