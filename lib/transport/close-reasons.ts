/**
 * Why a connection ends, as both sides say it: WebSocket close codes of the private range.
 *
 * What is said to a peer that has not proved itself is what it can know anyway: `refused` covers a wrong
 * secret and everything like it.
 */

/** Wire constants: do not change, only add. */
export const closeCodes = {
  /** What was to be done is done. */
  done: 4000,
  /** The process goes away. */
  goingAway: 4001,
  /** A newer connection took its place. */
  superseded: 4002,
  /** Nothing was heard for too long. */
  silent: 4003,
  /** Something arrived that no correct peer sends. */
  damaged: 4004,
  /** A limit of size, count or rate. */
  limit: 4005,
  /** No protocol version in common; the reason names both ranges. */
  version: 4010,
  cluster: 4011,
  /** This pair of parties has no connection of this role. */
  role: 4012,
  refused: 4013,
  /** The handshake took too long. */
  slow: 4014,
  /** Too many connections. */
  busy: 4015,
  /** Another process of that id is there, and alive. */
  taken: 4016,
} as const

export type CloseReason = keyof typeof closeCodes

const reasons = new Map<number, CloseReason>(
  Object.entries(closeCodes).map(([reason, code]) => [code, reason as CloseReason]),
)

/** Null for a code that is none of ours, such as 1006 of a connection that broke. */
export const closeReasonOf = (code: number): CloseReason | null => reasons.get(code) ?? null
