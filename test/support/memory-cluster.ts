/** A coordinator, its nodes and a client in one process, over a network in memory. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Cluster, connectOver } from '../../actors/client/client.js'
import { Coordinator } from '../../actors/coordinator/coordinator.js'
import { ClusterNode } from '../../actors/node/node.js'
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

/** `slots`: of each node. All of it ends with the test. */
export async function memoryCluster(t: Test, slots: readonly number[]): Promise<MemoryCluster> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-cluster-'))
  const internet = new MemoryInternet(systemClock)
  const coordinator = new Coordinator({
    network: internet.of(identityOf('coordinator', 'hub')),
    address: '',
    data: join(dir, 'data'),
    cluster: 'test',
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
