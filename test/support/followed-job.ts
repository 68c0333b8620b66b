/** A job on a simulated cluster of one node, followed by a client. */
import type { Test } from 'tap'
import { connectOver } from '../../actors/client/client.js'
import type { SubmitOptions } from '../../actors/coordinator/protocol.js'
import type { Pipeline } from '../../lib/flow/pipeline.js'
import { identityOf } from './memory-network.js'
import { bundleOf, HUB, SimulatedCluster } from './simulated-cluster.js'
import { SimulatedProcess } from './simulated-process.js'

export interface Followed {
  readonly seed: number
  /** The job's id; its module has the name before the dash. */
  readonly id: string
  readonly pipeline: () => Pipeline
  readonly options?: SubmitOptions
  /** How long it has run when its handle is there. */
  readonly ranMs: number
}

export async function followedJob(t: Test, { seed, id, pipeline, options, ranMs }: Followed) {
  const name = id.slice(0, id.indexOf('-'))
  const nodes = [{ name: 'a', slots: 1 }]
  const cluster = new SimulatedCluster({ seed, nodes, modules: { [name]: pipeline } })
  cluster.start(HUB)
  cluster.start('a')
  await cluster.runFor(1_000)
  const process = new SimulatedProcess('cli', cluster.clock, 777)
  const network = cluster.internet.of(identityOf('client', 'cli'), process)
  const connecting = connectOver(network, `ws://${HUB}:1`, { clock: process })
  await cluster.runFor(100)
  const client = await connecting
  t.teardown(() => client.close())
  const submitted = { memoryMb: 0, checkpoint: false, ...options } as const
  void cluster.coordinator!.submit(id, bundleOf(name), submitted, () => {})
  const watching = client.job(id)
  await cluster.runFor(ranMs)
  return { cluster, process, client, job: await watching }
}
