/**
 * The handshake: how two processes find out that they can and may speak with each other. It says no
 * word of CBOR, and a peer that has not proved itself costs one small state.
 *
 * ## Protocol
 * The caller dials, the listener answers; each message is one WebSocket message (layout:
 * handshake-messages.ts).
 * 1. Caller → `Hello`: versions it speaks, cluster, who it is, the role of this connection, whom it
 *    expects, a nonce.
 * 2. Listener → `Challenge`: the newest version of both, who it is, a nonce of its own.
 * 3. Caller → `Proof`.
 * 4. Listener → `Welcome`: the number of the session, and its own proof.
 *
 * A proof is HMAC-SHA-256 under the secret over: the side that proves, and SHA-256 of the Hello, the
 * Challenge and (listener) the session. So
 * - neither side has to send the secret, nor to prove anything to one who then does not;
 * - nothing can be replayed: both nonces are in it, and each side made one of them for this connection;
 * - a proof of one side is none of the other (no reflection), nor one for another role, id, incarnation,
 *   cluster or version (no downgrade);
 * - a process that reaches itself notices.
 * What it does not do: keep out one who relays everything between two that hold the secret, or hide
 * what follows. That is what TLS is for (listen-policy.ts).
 *
 * ## Invariants
 * - The caller MUST take nothing from the listener before a right Welcome, and the listener nothing from
 *   the caller before a right Proof. Proofs are compared in constant time.
 * - Each step takes one message; anything else refuses the peer. A refusal is final.
 * - A refused peer learns a `CloseReason` and, of a version, the ranges; never whether a secret was
 *   wrong. The log of the refusing side does name it.
 * - The deadline for all of it is the owner's (`handshakeMs`).
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { isName } from '../base/name.js'
import type { CloseReason } from './close-reasons.js'
import {
  type Challenge,
  decodeChallenge,
  decodeHello,
  decodeProof,
  decodeWelcome,
  encodeChallenge,
  encodeHello,
  encodeProof,
  encodeWelcome,
  type Hello,
  type VersionRange,
  versionsIn,
} from './handshake-messages.js'
import type { Identity, Party, Peer, Role } from './node-links.js'

/** What this build speaks. Raise the newest with every change of what crosses the wire. */
export const PROTOCOL_VERSIONS: VersionRange = [1, 1]

/** Kind of refusal, for the log: what is counted together. */
export type RefusalKind =
  | 'no-handshake'
  | 'version'
  | 'cluster'
  | 'name'
  | 'role'
  | 'self'
  | 'secret'
  | 'other-id'

export interface Refusal {
  readonly kind: RefusalKind
  /** Said to the peer. */
  readonly reason: CloseReason
  readonly said: string
  /** For the own log, or the error of the one who dialled. */
  readonly text: string
}

/** What both sides bring along. */
export interface HandshakeSelf {
  readonly identity: Identity
  /** Not empty; the first one proves who we are. */
  readonly secrets: readonly Uint8Array[]
  readonly versions: VersionRange
  /** Random, of this connection. */
  readonly nonce: Uint8Array
}

/** Who the other side is: all of `Peer` that a handshake can tell. */
export type Proved = Omit<Peer, 'address'>

interface Refused {
  readonly kind: 'Refused'
  readonly refusal: Refusal
}

interface Done {
  readonly kind: 'Done'
  readonly peer: Proved
  readonly role: Role
  readonly session: number
}

/** Of the listener. Each state but the last two waits for the message it names. */
export type ListenerState =
  | { readonly kind: 'AwaitingHello' }
  | {
      readonly kind: 'AwaitingProof'
      readonly hello: Hello
      readonly version: number
      readonly transcript: Uint8Array
    }
  | Done
  | Refused

/** Of the caller. */
export type CallerState =
  | { readonly kind: 'AwaitingChallenge'; readonly role: Role; readonly hello: Uint8Array }
  | {
      readonly kind: 'AwaitingWelcome'
      readonly role: Role
      readonly challenge: Challenge
      readonly transcript: Uint8Array
    }
  | Done
  | Refused

/** The state after a message, and what to answer. */
export interface Step<State> {
  readonly state: State
  readonly reply: Uint8Array | null
}

export const listenerStart: ListenerState = { kind: 'AwaitingHello' }

/** `session` is the number that a connection gets if it is accepted. */
export function stepListener(
  state: ListenerState,
  message: Uint8Array,
  self: HandshakeSelf,
  session: number,
): Step<ListenerState> {
  switch (state.kind) {
    case 'AwaitingHello':
      return challengeCaller(message, self)
    case 'AwaitingProof':
      return welcomeCaller(state, message, self, session)
    default:
      return { state, reply: null }
  }
}

export function callerStart(self: HandshakeSelf, role: Role, expect = ''): Step<CallerState> {
  const { identity, versions, nonce } = self
  const hello = encodeHello({ ...identity, versions, role, expect, nonce })
  return { state: { kind: 'AwaitingChallenge', role, hello }, reply: hello }
}

export function stepCaller(
  state: CallerState,
  message: Uint8Array,
  self: HandshakeSelf,
  expect = '',
): Step<CallerState> {
  switch (state.kind) {
    case 'AwaitingChallenge':
      return proveToListener(state, message, self, expect)
    case 'AwaitingWelcome':
      return checkWelcome(state, message, self)
    default:
      return { state, reply: null }
  }
}

function challengeCaller(message: Uint8Array, self: HandshakeSelf): Step<ListenerState> {
  const versions = versionsIn(message)
  if (versions === null) return refuse(noHandshake('a Hello'))
  const version = commonVersion(self.versions, versions)
  if (version === null) return refuse(wrongVersion(self.versions, versions))
  const hello = decodeHello(message)
  if (hello === null) return refuse(noHandshake('a Hello'))
  const refusal = refusalOf(hello, self.identity)
  if (refusal !== null) return refuse(refusal)
  const { id, incarnation, party } = self.identity
  const reply = encodeChallenge({ version, id, incarnation, party, nonce: self.nonce })
  const transcript = digest(message, reply)
  return { state: { kind: 'AwaitingProof', hello, version, transcript }, reply }
}

function refusalOf(hello: Hello, self: Identity): Refusal | null {
  if (hello.cluster !== self.cluster) return wrongCluster(self.cluster, hello.cluster)
  if (!isName(hello.id) || !INCARNATION.test(hello.incarnation)) return badName(hello.id)
  if (!maySpeak(hello.party, self.party, hello.role)) return wrongRole(hello, self.party)
  if (hello.expect !== '' && hello.expect !== self.id) return otherId(hello.expect, self.id)
  return isSame(hello, self) ? reachedSelf : null
}

function welcomeCaller(
  state: Extract<ListenerState, { kind: 'AwaitingProof' }>,
  message: Uint8Array,
  { secrets }: HandshakeSelf,
  session: number,
): Step<ListenerState> {
  const { hello, version, transcript } = state
  const seen = decodeProof(message)
  if (seen === null) return refuse(noHandshake('a Proof'))
  const secret = secrets.find((secret) => isEqual(callerProof(secret, transcript), seen))
  if (secret === undefined) return refuse(wrongSecret(hello.id))
  const { id, party, incarnation, role } = hello
  const peer = { id, party, incarnation, version }
  const reply = encodeWelcome({ session, proof: listenerProof(secret, transcript, session) })
  return { state: { kind: 'Done', peer, role, session }, reply }
}

function proveToListener(
  { role, hello }: Extract<CallerState, { kind: 'AwaitingChallenge' }>,
  message: Uint8Array,
  { identity, versions, secrets }: HandshakeSelf,
  expect: string,
): Step<CallerState> {
  const challenge = decodeChallenge(message)
  if (challenge === null) return refuse(noHandshake('a Challenge'))
  const { version, id, incarnation } = challenge
  if (version < versions[0] || version > versions[1]) {
    return refuse(wrongVersion(versions, [version, version]))
  }
  if (!isName(id) || !INCARNATION.test(incarnation)) return refuse(badName(id))
  if (expect !== '' && id !== expect) return refuse(otherId(expect, id))
  if (isSame(challenge, identity)) return refuse(reachedSelf)
  const transcript = digest(hello, message)
  const reply = encodeProof(callerProof(secrets[0]!, transcript))
  return { state: { kind: 'AwaitingWelcome', role, challenge, transcript }, reply }
}

function checkWelcome(
  { role, challenge, transcript }: Extract<CallerState, { kind: 'AwaitingWelcome' }>,
  message: Uint8Array,
  { secrets }: HandshakeSelf,
): Step<CallerState> {
  const welcome = decodeWelcome(message)
  if (welcome === null) return refuse(noHandshake('a Welcome'))
  const { session, proof } = welcome
  if (!isEqual(listenerProof(secrets[0]!, transcript, session), proof)) {
    return refuse(wrongSecret(challenge.id))
  }
  const { id, party, incarnation, version } = challenge
  return {
    state: { kind: 'Done', peer: { id, party, incarnation, version }, role, session },
    reply: null,
  }
}

/**
 * Who dials whom: everybody the coordinator, for control; nodes the coordinator, for what is large; nodes
 * each other, for either. Nobody dials a client, and a coordinator dials nobody.
 */
function maySpeak(caller: Party, listener: Party, role: Role): boolean {
  if (caller === 'node') return listener !== 'client'
  return caller === 'client' && listener === 'coordinator' && role === 'control'
}

const INCARNATION = /^[0-9a-f]{16}$/

const isSame = (
  one: Pick<Identity, 'id' | 'incarnation'>,
  other: Pick<Identity, 'id' | 'incarnation'>,
): boolean => one.id === other.id && one.incarnation === other.incarnation

function commonVersion(own: VersionRange, other: VersionRange): number | null {
  const version = Math.min(own[1], other[1])
  return version >= Math.max(own[0], other[0]) ? version : null
}

const digest = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const callerProof = (secret: Uint8Array, transcript: Uint8Array): Uint8Array =>
  createHmac('sha256', secret).update('millrace caller').update(transcript).digest()

const listenerProof = (secret: Uint8Array, transcript: Uint8Array, session: number): Uint8Array =>
  createHmac('sha256', secret)
    .update('millrace listener')
    .update(transcript)
    .update(Uint8Array.of(session >>> 24, session >>> 16, session >>> 8, session))
    .digest()

const isEqual = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && timingSafeEqual(one, other)

const refuse = (refusal: Refusal): { readonly state: Refused; readonly reply: null } => ({
  state: { kind: 'Refused', refusal },
  reply: null,
})

const noHandshake = (expected: string): Refusal => ({
  kind: 'no-handshake',
  reason: 'refused',
  said: 'no handshake',
  text: `expected ${expected}, saw something else: no process of Millrace`,
})

const show = ([oldest, newest]: VersionRange): string =>
  oldest === newest ? `${oldest}` : `${oldest} to ${newest}`

const wrongVersion = (own: VersionRange, other: VersionRange): Refusal => ({
  kind: 'version',
  reason: 'version',
  said: `protocol ${show(own)} here, ${show(other)} there`,
  text: `speaks protocol ${show(other)}, and this process ${show(own)}: run versions that overlap`,
})

/** Text of a peer that has not proved itself is quoted, so that it stays one line. */
const wrongCluster = (own: string, other: string): Refusal => ({
  kind: 'cluster',
  reason: 'cluster',
  said: 'another cluster',
  text: `belongs to cluster ${JSON.stringify(other)}, and this process to ${JSON.stringify(own)}`,
})

const badName = (id: string): Refusal => ({
  kind: 'name',
  reason: 'refused',
  said: 'name',
  text: `expected a node id of a-z 0-9 . _ - (at most 63), saw ${JSON.stringify(id)}`,
})

const wrongRole = ({ id, party, role }: Hello, own: Party): Refusal => ({
  kind: 'role',
  reason: 'role',
  said: `a ${party} has no ${role} connection to a ${own}`,
  text: `${JSON.stringify(id)} is a ${party}, which has no ${role} connection to a ${own}`,
})

const otherId = (expected: string, own: string): Refusal => ({
  kind: 'other-id',
  reason: 'refused',
  said: 'another id',
  text: `expected ${JSON.stringify(expected)}, and ${JSON.stringify(own)} answers at this address`,
})

const reachedSelf: Refusal = {
  kind: 'self',
  reason: 'refused',
  said: 'self',
  text: 'the process reached itself: check the address it dials',
}

const wrongSecret = (id: string): Refusal => ({
  kind: 'secret',
  reason: 'refused',
  said: 'refused',
  text: `${JSON.stringify(id)} does not hold the secret of this cluster`,
})
