/**
 * Times of failure detection, in ms. Safety never rests on them, only speed: see `actors/node/protocol.ts`.
 *
 * A node counts its lease from *sending* the last heartbeat that was answered on any connection, the
 * coordinator from its last sign of life on any; and of connections that are missing the node waits for less long than the coordinator.
 * So the node pauses its work before the coordinator gives it to another.
 */

/** Between two heartbeats. */
export const HEARTBEAT_MS = 250
/** A node whose last answered heartbeat was sent longer ago, or with a connection missing for longer, pauses its slots. */
export const NODE_LEASE_MS = 2000
/** A node of which nothing was heard for so long, or with a connection missing for so long, is dead. */
export const SILENCE_MS = 2800
/**
 * So long after the last that was heard of such a node its work begins elsewhere, at the earliest: that it is
 * noticed sooner tells people and stops what has stood still, and takes nothing from the node's own time.
 */
export const REDEPLOY_MS = 3000
/** A node that has been without any connection to the coordinator for so long pauses its slots. */
export const CUT_OFF_MS = 200
/**
 * A process that has lost all its connections to the coordinator has most often died. One that lives
 * connects again at once; so long it has.
 */
export const RETURN_MS = 300
/**
 * A data connection over which nothing has come for so long is given up, whatever else is heard of the other
 * side: TCP sends again after ever longer pauses, but it may be dead alone.
 */
export const STANDSTILL_MS = 10_000
/** Between two looks at who is silent: so much later than `SILENCE_MS` after its last byte one is noticed. */
export const LOOK_MS = 50
/** Whoever was not asked for so long past its time was itself paused, and judges nobody in that turn. */
export const OWN_PAUSE_MS = 500
/** What a new coordinator waits for before it deploys anything: nodes of the one before have paused. */
export const SETTLE_MS = REDEPLOY_MS

/** Between two beats of a client. */
export const CLIENT_BEAT_MS = 1000
/**
 * A client, and for a client its coordinator, of which nothing was heard for so long is gone. Nobody's work
 * waits for a client, so that it has time: for a slow link that it shares with a bundle, or a busy program.
 */
export const CLIENT_SILENCE_MS = 10_000
/** How long a client tries to reach a coordinator that it has lost, where nobody says otherwise. */
export const RECONNECT_MS = 120_000
