/** Limits of frames and records. */

/**
 * Default size of a frame at most. About 64 KiB was measured best for MessagePorts and WebSockets alike; the 256
 * bytes less are room for the heads of WebSocket, TCP and IP, so that a frame between processes of one host is one
 * packet of its loopback (64 KiB) and not one and a crumb, which halved what went through.
 */
export const FRAME_BYTES_MAX = 65_280
/** A frame cannot be limited to less: it could not hold a shape. */
export const FRAME_BYTES_MIN = 1024
/** Records in one frame at most. Wire constant: receivers refuse more. Do not change. */
export const FRAME_RECORDS_MAX = 8192
/** Default size of a record, encoded, at most. */
export const RECORD_BYTES_MAX = 16 * 2 ** 20
/**
 * Bytes in a fragment at least, but for the last of its record: bounds how many parts a receiver may be
 * made to keep. Below FRAME_BYTES_MIN by more than a head. Wire constant: do not change.
 */
export const FRAGMENT_BYTES_MIN = 512
