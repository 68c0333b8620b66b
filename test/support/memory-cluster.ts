/** A coordinator, its nodes and a client in one process, over a network in memory. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Cluster, connectOver } from '../../actors/client/client.js'
import { Coordinator } from '../../actors/coordinator/coordinator.js'
import { type CoordinatorStores, openFileStores } from '../../actors/coordinator/stores.js'
import { ClusterNode } from '../../actors/node/node.js'
import type { CopyPlace } from '../../actors/node/node-copies.js'
import { systemClock } from '../../lib/base/clock.js'
import { identityOf, MemoryInternet } from './memory-network.js'

export interface MemoryCluster {
  readonly internet: MemoryInternet
  readonly dir: string
  readonly coordinator: Coordinator
  readonly nodes: readonly ClusterNode[]
  readonly cluster: Cluster
  /** Another client. */
  connect(name: string): Promise<Cluster>
  /** One more node. */
  join(name: string, slots: number): Promise<ClusterNode>
}

export interface MemoryClusterOptions {
  /** Where a node of that name keeps copies of chunks. Default: nowhere. */
  readonly copies?: (node: string) => CopyPlace
  /** Where a node of that name keeps state on disk. Default: the folder for temporary files. */
  readonly stateDirectory?: (node: string) => string
  /** Called with each chunk that is read from the coordinator's store. */
  readonly onChunkRead?: (id: string) => void
}

/** `slots`: of each node. All of it ends with the test. */
export async function memoryCluster(
  t: Test,
  slots: readonly number[],
  { copies, stateDirectory, onChunkRead = () => {} }: MemoryClusterOptions = {},
): Promise<MemoryCluster> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-cluster-'))
  const internet = new MemoryInternet(systemClock)
  const stores = await openFileStores(join(dir, 'data'))
  const coordinator = new Coordinator({
    network: internet.of(identityOf('coordinator', 'hub')),
    address: '',
    data: join(dir, 'data'),
    cluster: 'test',
    stores: watched(stores, onChunkRead),
  })
  await coordinator.start()
  const nodes: ClusterNode[] = []
  const joinNode = async (name: string, slots: number): Promise<ClusterNode> => {
    const node = new ClusterNode({
      network: internet.of(identityOf('node', name)),
      join: coordinator.url,
      address: '',
      slots,
      labels: { name },
      version: '0.1.0',
      ...(copies !== undefined && { copies: copies(name) }),
      ...(stateDirectory !== undefined && { stateDirectory: stateDirectory(name) }),
    })
    nodes.push(node)
    await node.start()
    return node
  }
  await Promise.all(slots.map((count, i) => joinNode(`node-${i}`, count)))
  const connect = (name: string) =>
    connectOver(internet.of(identityOf('client', name)), coordinator.url)
  const cluster = await connect('cli')
  t.teardown(async () => {
    cluster.close()
    await Promise.all(nodes.map((node) => node.stop()))
    await coordinator.stop()
    rmSync(dir, { recursive: true, force: true })
  })
  return { internet, dir, coordinator, nodes, cluster, connect, join: joinNode }
}

const watched = (stores: CoordinatorStores, onRead: (id: string) => void): CoordinatorStores => ({
  ...stores,
  openSnapshots: async (directory) => {
    const store = await stores.openSnapshots(directory)
    const read = store.get.bind(store)
    store.get = (id) => {
      onRead(id)
      return read(id)
    }
    return store
  },
})
