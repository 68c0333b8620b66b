/** Limits of frames and records. */

/** Default size of a frame at most. Measured best for MessagePorts and WebSockets alike. */
export const FRAME_BYTES_MAX = 65_536
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
