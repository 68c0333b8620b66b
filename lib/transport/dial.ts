/**
 * Dialling another process.
 *
 *     const link = await dialControl({ url: 'ws://10.0.0.5:7000', self, secrets })
 */
import { randomBytes } from 'node:crypto'
import { systemClock } from '../base/clock.js'
import { MillraceError } from '../base/errors.js'
import { parseLinkUrl } from './address.js'
import { type CloseReason, closeReasonOf } from './close-reasons.js'
import { ControlConnection } from './control-connection.js'
import { DataConnection } from './data-connection.js'
import {
  type CallerState,
  callerStart,
  type HandshakeSelf,
  PROTOCOL_VERSIONS,
  type Refusal,
  type Step,
  stepCaller,
} from './handshake.js'
import { linkLimits } from './link-limits.js'
import { checkIdentity, proofSecrets } from './listen.js'
import type { ControlLink, DataLink, DialOptions, Peer, Role } from './node-links.js'
import type { Socket, SocketUser } from './socket.js'
import { connectWs } from './ws.js'

/**
 * Rejects with
 * - E_CONNECT (retryable): nobody answers, or nobody of Millrace, or not within `handshakeMs`;
 * - E_PEER_CERTIFICATE: its certificate is not trusted, or for another name;
 * - E_PEER_VERSION, E_PEER_CLUSTER, E_PEER_ROLE: it is no peer of this process, whose details say why;
 * - E_PEER_REFUSED: one does not hold the secret of the other, or it is not `expect`;
 * - E_ADDRESS.
 */
export function dialControl(options: DialOptions): Promise<ControlLink> {
  const { limits, clock } = settled(options)
  return call(
    options,
    'control',
    (socket, peer, session) => new ControlConnection(socket, peer, session, limits, clock),
  )
}

/** As {@link dialControl}. */
export function dialData(options: DialOptions): Promise<DataLink> {
  const { limits } = settled(options)
  return call(
    options,
    'data',
    (socket, peer, session) => new DataConnection(socket, peer, session, limits, true),
  )
}

const settled = ({ limits, clock = systemClock }: DialOptions) => ({
  limits: { ...linkLimits, ...limits },
  clock,
})

/** Makes the connection in the turn that the handshake ends in, so that it misses nothing. */
type Connect<C> = (socket: Socket, peer: Peer, session: number) => C

async function call<C>(options: DialOptions, role: Role, connect: Connect<C>): Promise<C> {
  const url = parseLinkUrl(options.url)
  checkIdentity(options.self)
  const { limits, clock } = settled(options)
  return new Promise<C>((resolve, reject) => {
    const messageBytesMax = limits.frameBytesMax
    const onOpen = (): void => caller.open()
    const socket = connectWs({ url, clock, messageBytesMax, ca: options.ca ?? null, onOpen })
    const caller = new Caller(options, role, socket, {
      done: (done) => {
        stopWaiting()
        resolve(connect(socket, { ...done.peer, address: socket.remote }, done.session))
      },
      failed: (error) => {
        stopWaiting()
        reject(error)
      },
    })
    socket.user = caller
    const stopWaiting = clock.after(limits.handshakeMs, () => {
      caller.fail(noAnswer(url, `no answer within ${limits.handshakeMs} ms`))
    })
  })
}

interface Outcome {
  done(state: Extract<CallerState, { kind: 'Done' }>): void
  failed(error: MillraceError): void
}

/** The caller's side of the handshake over a socket. */
class Caller implements SocketUser {
  readonly #options: DialOptions
  readonly #role: Role
  readonly #socket: Socket
  readonly #outcome: Outcome
  readonly #self: HandshakeSelf
  #state: CallerState | null = null
  #failed = false

  constructor(options: DialOptions, role: Role, socket: Socket, outcome: Outcome) {
    this.#options = options
    this.#role = role
    this.#socket = socket
    this.#outcome = outcome
    const secrets = proofSecrets(options.secrets)
    const nonce = randomBytes(32)
    this.#self = { identity: options.self, secrets, versions: PROTOCOL_VERSIONS, nonce }
  }

  open(): void {
    this.#go(callerStart(this.#self, this.#role, this.#options.expect))
  }

  message(bytes: ArrayBuffer): void {
    if (this.#state === null || this.#failed) return
    const { expect } = this.#options
    this.#go(stepCaller(this.#state, new Uint8Array(bytes), this.#self, expect))
  }

  closed(code: number, said: string, cause?: Error): void {
    this.fail(refusedBy(this.#options, code, said, cause))
  }

  fail(error: MillraceError): void {
    if (this.#failed) return
    this.#failed = true
    this.#socket.terminate()
    this.#outcome.failed(error)
  }

  #go({ state, reply }: Step<CallerState>): void {
    this.#state = state
    if (reply !== null) this.#socket.send(reply)
    if (state.kind === 'Done') this.#outcome.done(state)
    else if (state.kind === 'Refused') this.fail(refusedHere(this.#options, state.refusal))
  }
}

const CODES: Readonly<Partial<Record<CloseReason, string>>> = {
  version: 'E_PEER_VERSION',
  cluster: 'E_PEER_CLUSTER',
  role: 'E_PEER_ROLE',
  refused: 'E_PEER_REFUSED',
}

const HINTS: Readonly<Partial<Record<CloseReason, string>>> = {
  version: 'run versions that overlap',
  cluster: 'check the name of the cluster',
  refused: 'have both processes the same secret? Its log says more',
}

/** The other side has closed during the handshake, or was never there. */
function refusedBy(options: DialOptions, code: number, said: string, cause?: Error): MillraceError {
  const reason = closeReasonOf(code)
  const errorCode = reason === null ? undefined : CODES[reason]
  if (cause !== undefined && isUntrusted(cause)) return untrusted(options, cause)
  if (reason === null || errorCode === undefined) {
    const why = reason === null ? (cause?.message ?? `closed with code ${code}`) : reason
    return noAnswer(options.url, why, cause)
  }
  const hint = HINTS[reason]
  return new MillraceError(
    errorCode,
    `${options.url} refused ${options.self.id} of cluster ${options.self.cluster}: ` +
      `${JSON.stringify(said)}${hint === undefined ? '' : `; ${hint}`}`,
    { details: { url: options.url, reason, said } },
  )
}

const refusedHere = ({ url }: DialOptions, { kind, reason, text }: Refusal): MillraceError =>
  new MillraceError(
    kind === 'no-handshake' ? 'E_CONNECT' : (CODES[reason] ?? 'E_CONNECT'),
    `${url} is refused: ${text}`,
    { retryable: kind === 'no-handshake', details: { url, reason: kind } },
  )

/** Codes of OpenSSL and of Node.js for what is wrong with a certificate. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|INVALID_CA|HOSTNAME_MISMATCH/

const isUntrusted = (cause: Error): boolean =>
  UNTRUSTED.test(String((cause as NodeJS.ErrnoException).code))

/** Trying again does not help. */
const untrusted = ({ url }: DialOptions, cause: Error): MillraceError =>
  new MillraceError(
    'E_PEER_CERTIFICATE',
    `${url} shows a certificate that is not trusted: ${cause.message}. Give the authority that has signed it (--tls-ca, tlsCa), and dial a name that it is for`,
    { cause, details: { url } },
  )

const noAnswer = (url: URL | string, why: string, cause?: Error): MillraceError =>
  new MillraceError('E_CONNECT', `no connection to ${String(url).replace(/\/$/, '')}: ${why}`, {
    cause,
    retryable: true,
    details: { url: String(url) },
  })
