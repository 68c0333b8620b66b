/** A client of a cluster in this process, over a socket. */
import { randomBytes } from 'node:crypto'
import type { JoinOptions } from '../../lib/transport/process-network.js'
import type { Cluster } from './client.js'

/**
 * Connects to the coordinator of a cluster: to submit jobs, follow and end them, and look after its nodes.
 * When the connection ends, jobs go on; connect again to follow them.
 *
 * @throws MillraceError `E_CONNECT` where nobody answers, `E_PEER_REFUSED` (another secret),
 * `E_PEER_CLUSTER`, `E_PEER_VERSION`, `E_ADDRESS`.
 * @example
 * const cluster = await connect('ws://127.0.0.1:7373', { secretFile: 'secret' })
 * const job = await cluster.submit('word-count.ts', { parallelism: 4 })
 * job.failures$.subscribe(({ operator, error }) => console.error(operator, error.message))
 * console.error(await job.done)
 * cluster.close()
 */
export async function connect(url: string, options: JoinOptions = {}): Promise<Cluster> {
  const { createProcessNetwork } = await import('../../lib/transport/process-network.js')
  const { connectOver } = await import('./client.js')
  const id = `client-${process.pid}-${randomBytes(4).toString('hex')}`
  return connectOver(await createProcessNetwork({ party: 'client', id }, options), url)
}
