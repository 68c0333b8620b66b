/**
 * Listening for other processes: one port per process, for control and data connections alike.
 *
 *     const listener = await listen({
 *       address: '127.0.0.1:7000', self, secrets, log,
 *       onControl: (link) => link.onMessage((message) => ...),
 *     })
 */
import { assert } from '../base/assert.js'
import { systemClock } from '../base/clock.js'
import { isName } from '../base/name.js'
import { type Address, dialledHost, formatAddress, parseAddress } from './address.js'
import { createHostLimits } from './host-limits.js'
import { linkLimits } from './link-limits.js'
import { listenRefusal } from './listen-policy.js'
import type { Identity, Listener, ListenOptions } from './node-links.js'
import { createReception } from './reception.js'
import { createRefusalLog } from './refusal-log.js'
import type { SocketServerOptions, Stranger } from './socket-server.js'
import { createUwsServer, loadUws } from './uws-server.js'
import { createWsServer } from './ws.js'

/** Environment variable that forces `ws` where it is set to `ws`. */
const ENGINE_VARIABLE = 'MILLRACE_SOCKETS'

/**
 * Rejects with E_ADDRESS, E_LISTEN_NO_SECRET, E_LISTEN_NO_TLS, E_TLS, E_LISTEN. In the main thread only.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { self, tls = null, clock = systemClock } = options
  checkIdentity(self)
  const { host, port } = checkListening(options)
  const limits = { ...linkLimits, ...options.limits }
  const log = createRefusalLog(options.log, clock)
  const goAway = (link: { close(): void }): void => link.close()
  const { onControl = goAway, onData = goAway } = options
  const secrets = proofSecrets(options.secrets)
  const reception = createReception({ self, secrets, limits, clock, log, onControl, onData })
  const hosts = createHostLimits(
    limits.connectionsPerHostMax,
    limits.connectionsPerHostPerSecondMax,
  )
  const server = await serve(options, {
    host,
    port,
    tls,
    clock,
    messageBytesMax: limits.frameBytesMax,
    bufferedBytesMax: Math.max(limits.dataBufferedBytesMax, limits.controlBufferedBytesMax),
    connectionsMax: limits.connectionsMax,
    admits: (address) => hosts.admits(address, clock.now()),
    upgradeMs: limits.handshakeMs,
    onSocket: (socket) => reception.receive(socket),
    onStranger: ({ kind, remote }) => log.refused(kind, remote, STRANGERS[kind]),
  })
  return {
    engine: server.engine,
    host,
    port: server.port,
    url: `${tls === null ? 'ws' : 'wss'}://${formatAddress({ host: dialledHost(host), port: server.port })}`,
    close() {
      reception.close()
      server.close()
    },
  }
}

type ListenWish = Pick<ListenOptions, 'address' | 'secrets' | 'tls' | 'insecure'>

/** Throws E_ADDRESS, E_LISTEN_NO_SECRET, E_LISTEN_NO_TLS. */
export function checkListening({ address, secrets, tls, insecure = false }: ListenWish): Address {
  const { host, port } = parseAddress(address)
  const plan = { host, hasSecret: secrets.length > 0, hasTls: tls !== undefined, insecure }
  const refusal = listenRefusal(plan)
  if (refusal !== null) throw refusal
  return { host, port }
}

/** Without a secret the proofs are made with the empty one: the rest of the handshake still holds. */
export const proofSecrets = (secrets: readonly Uint8Array[]): readonly Uint8Array[] =>
  secrets.length > 0 ? secrets : [new Uint8Array(0)]

export function checkIdentity({ cluster, id, incarnation }: Identity): void {
  assert(isName(cluster) && isName(id), 'cluster and id are names')
  assert(/^[0-9a-f]{16}$/.test(incarnation), 'an incarnation is made by newIncarnation')
}

/** What serves is the same for all listeners of a process: it is said once. */
let hasSaid = false

async function serve({ engine, log }: ListenOptions, options: SocketServerOptions) {
  if (engine === 'ws' || (engine === undefined && process.env[ENGINE_VARIABLE] === 'ws')) {
    return createWsServer(options)
  }
  const uws = await loadUws()
  if (uws !== null) return createUwsServer(uws, options)
  assert(engine === undefined, 'uWebSockets.js has a binary for this Node')
  if (!hasSaid) log(NO_BINARY)
  hasSaid = true
  return createWsServer(options)
}

const NO_BINARY =
  `uWebSockets.js has no binary for Node ${process.versions.node} on this platform: serving with ws, ` +
  'which does the same with more CPU time'

const STRANGERS: Readonly<Record<Stranger['kind'], string>> = {
  'no-websocket': 'it asked for no WebSocket: nothing else is served here',
  'from-browser': 'it came from a page in a browser (Origin), which no process of Millrace is',
  'too-many': 'too many connections are open',
  'too-many-of-host': 'its host has opened too many connections',
}
