/** A client of a cluster in this process, over a socket. */
import { randomBytes } from 'node:crypto'
import { type Duration, durationMs } from '../../lib/base/duration.js'
import { refuseUnknownOptions } from '../../lib/base/unknown-option.js'
import { RECONNECT_MS } from '../../lib/cluster/times.js'
import { JOIN_OPTIONS, type JoinOptions } from '../../lib/transport/join-options.js'
import type { Cluster } from './client.js'

/** Options of `connect`. */
export interface ConnectOptions extends JoinOptions {
  /**
   * How long a coordinator that is lost is tried again, with pauses of up to 5 s. Then everything that
   * waits rejects with `E_PEER_LOST`. `0`: at once. Default 2 min.
   */
  readonly reconnect?: Duration
}

/**
 * Connects to the coordinator of a cluster: to submit jobs, follow and end them, and look after its nodes.
 * When the connection is lost (10 s of silence are enough), jobs go on, and it is tried again: `connection$`
 * tells. What is asked meanwhile waits; what was asked before is answered, or rejects with
 * `E_OUTCOME_UNKNOWN` where the coordinator itself has died.
 *
 * @throws MillraceError `E_UNKNOWN_OPTION`, `E_CONNECT` where nobody answers, `E_PEER_CERTIFICATE`,
 * `E_PEER_REFUSED` (another secret), `E_PEER_CLUSTER`, `E_PEER_VERSION`, `E_ADDRESS`.
 * @example
 * const cluster = await connect('ws://127.0.0.1:7373', { secretFile: 'secret' })
 * const job = await cluster.submit('word-count.ts', { parallelism: 4 })
 * job.failures$.subscribe(({ operator, error }) => console.error(operator, error.message))
 * console.error(await job.done)
 * cluster.close()
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Cluster> {
  refuseUnknownOptions('connect', options, [...JOIN_OPTIONS, 'reconnect'])
  const { reconnect = RECONNECT_MS, ...joining } = options
  const reconnectMs = durationMs(reconnect, 'connect: reconnect', 0)
  const { createProcessNetwork } = await import('../../lib/transport/process-network.js')
  const { connectOver } = await import('./client.js')
  const id = `client-${process.pid}-${randomBytes(4).toString('hex')}`
  const network = await createProcessNetwork({ party: 'client', id }, joining)
  return connectOver(network, url, { reconnectMs })
}
