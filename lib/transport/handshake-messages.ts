/**
 * The messages of the handshake (handshake.ts): bytes at fixed places, read before anything else of an
 * unknown peer is, and without CBOR.
 *
 * ## Layout (do not change)
 * Numbers are big-endian; a text is its length in one byte and as many bytes of UTF-8.
 *
 *   all        "MILL", kind (1 byte)
 *   Hello      oldest, newest version (2 bytes each), cluster, id, incarnation, party and role (1 byte
 *              each), expected id or "", nonce (32 bytes)
 *   Challenge  version (2), id, incarnation, party (1), nonce (32)
 *   Proof      proof (32)
 *   Welcome    session (4), proof (32)
 *
 * The first nine bytes of a Hello stay as they are in every version to come, so that a version can
 * always be refused by name.
 */
import { isUtf8 } from 'node:buffer'
import type { Identity, Party, Role } from './node-links.js'

export const HELLO = 1
export const CHALLENGE = 2
export const PROOF = 3
export const WELCOME = 4

export const NONCE_BYTES = 32
export const PROOF_BYTES = 32
/** Longest message of a handshake. */
export const HANDSHAKE_BYTES_MAX = 512

/** Oldest and newest version that a process speaks. */
export type VersionRange = readonly [oldest: number, newest: number]

export interface Hello extends Identity {
  readonly versions: VersionRange
  readonly role: Role
  /** Id that the caller expects to reach; '': any. */
  readonly expect: string
  readonly nonce: Uint8Array
}

export interface Challenge {
  readonly version: number
  readonly id: string
  readonly incarnation: string
  readonly party: Party
  readonly nonce: Uint8Array
}

export interface Welcome {
  readonly session: number
  readonly proof: Uint8Array
}

const MAGIC = [0x4d, 0x49, 0x4c, 0x4c]
/** Wire constants: a party and a role are their index. Do not change, only add. */
const PARTIES: readonly Party[] = ['coordinator', 'node', 'client']
const ROLES: readonly Role[] = ['control', 'data']

export function encodeHello(hello: Hello): Uint8Array {
  const [oldest, newest] = hello.versions
  return join(
    start(HELLO),
    uint16(oldest),
    uint16(newest),
    text(hello.cluster),
    text(hello.id),
    text(hello.incarnation),
    [PARTIES.indexOf(hello.party), ROLES.indexOf(hello.role)],
    text(hello.expect),
    hello.nonce,
  )
}

export const encodeChallenge = (challenge: Challenge): Uint8Array =>
  join(
    start(CHALLENGE),
    uint16(challenge.version),
    text(challenge.id),
    text(challenge.incarnation),
    [PARTIES.indexOf(challenge.party)],
    challenge.nonce,
  )

export const encodeProof = (proof: Uint8Array): Uint8Array => join(start(PROOF), proof)

export const encodeWelcome = ({ session, proof }: Welcome): Uint8Array =>
  join(start(WELCOME), uint16(session >>> 16), uint16(session & 0xffff), proof)

/** Versions in what may be a Hello of any version; null when it is none. */
export function versionsIn(message: Uint8Array): VersionRange | null {
  const reader = new Reader(message, HELLO)
  const versions = [reader.uint16(), reader.uint16()] as const
  return reader.failed || versions[0] > versions[1] ? null : versions
}

/** Each of these returns null for anything that is not such a message, whole and nothing more. */
export function decodeHello(message: Uint8Array): Hello | null {
  const reader = new Reader(message, HELLO)
  const hello: Hello = {
    versions: [reader.uint16(), reader.uint16()],
    cluster: reader.text(),
    id: reader.text(),
    incarnation: reader.text(),
    party: reader.oneOf(PARTIES),
    role: reader.oneOf(ROLES),
    expect: reader.text(),
    nonce: reader.bytes(NONCE_BYTES),
  }
  return reader.isDone ? hello : null
}

export function decodeChallenge(message: Uint8Array): Challenge | null {
  const reader = new Reader(message, CHALLENGE)
  const challenge: Challenge = {
    version: reader.uint16(),
    id: reader.text(),
    incarnation: reader.text(),
    party: reader.oneOf(PARTIES),
    nonce: reader.bytes(NONCE_BYTES),
  }
  return reader.isDone ? challenge : null
}

export function decodeProof(message: Uint8Array): Uint8Array | null {
  const reader = new Reader(message, PROOF)
  const proof = reader.bytes(PROOF_BYTES)
  return reader.isDone ? proof : null
}

export function decodeWelcome(message: Uint8Array): Welcome | null {
  const reader = new Reader(message, WELCOME)
  const session = reader.uint16() * 0x1_0000 + reader.uint16()
  const proof = reader.bytes(PROOF_BYTES)
  return reader.isDone ? { session, proof } : null
}

const start = (kind: number): readonly number[] => [...MAGIC, kind]
const uint16 = (value: number): readonly number[] => [value >> 8, value & 0xff]

function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value)
  return join([bytes.length], bytes)
}

const join = (...parts: readonly ArrayLike<number>[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => Array.from(part)))

/** Reads a message front to back. Once it has failed, it returns zeros. */
class Reader {
  readonly #message: Uint8Array
  #position = MAGIC.length + 1
  failed: boolean

  constructor(message: Uint8Array, kind: number) {
    this.#message = message
    this.failed =
      message.length > HANDSHAKE_BYTES_MAX ||
      MAGIC.some((byte, i) => message[i] !== byte) ||
      message[MAGIC.length] !== kind
  }

  /** Everything was there, and no more. */
  get isDone(): boolean {
    return !this.failed && this.#position === this.#message.length
  }

  bytes(count: number): Uint8Array {
    const from = this.#position
    this.#position += count
    if (this.#position > this.#message.length) this.failed = true
    return this.failed ? new Uint8Array(count) : this.#message.slice(from, this.#position)
  }

  uint16(): number {
    const [high, low] = this.bytes(2)
    return high! * 256 + low!
  }

  text(): string {
    const bytes = this.bytes(this.bytes(1)[0]!)
    if (!isUtf8(bytes)) this.failed = true
    return this.failed ? '' : new TextDecoder().decode(bytes)
  }

  oneOf<T>(values: readonly T[]): T {
    const value = values[this.bytes(1)[0]!]
    if (value === undefined) this.failed = true
    return value ?? values[0]!
  }
}
