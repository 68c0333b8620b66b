/**
 * A record that is too large for a message, on its way in parts.
 *
 * It is encoded once, where it comes from, and decoded once, where it is taken: a process that only hands it
 * on never looks into it, so what it costs to read one holds up nobody else.
 */
import { MillraceError } from '../base/errors.js'
import { decodeCbor, encodeCbor } from '../wire/cbor.js'
import { RECORD_BYTES_MAX } from '../wire/limits.js'

/** Small beside a message: what goes beside it has its turn. */
const PART_BYTES = 256 * 1024
/** Records that one process may have under way to another at once. */
const UNDER_WAY_MAX = 256

/** As it travels; the parts of a record come in order, and those of others may come in between. */
export interface RecordPart {
  /** Which record of the sender, counted from 0. */
  readonly record: number
  /** Where in the record this part begins, and the length of the whole, in bytes. */
  readonly at: number
  readonly total: number
  readonly bytes: Uint8Array
}

/** A record in one piece, not looked into. */
export class EncodedRecord {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** Throws E_CANNOT_TRAVEL, and E_RECORD_TOO_LARGE above RECORD_BYTES_MAX. */
  static of(record: unknown): EncodedRecord {
    const bytes = encodeCbor(record, 'record')
    if (bytes.length > RECORD_BYTES_MAX) throw tooLarge(bytes.length)
    return new EncodedRecord(bytes)
  }

  /** Throws E_BAD_CBOR. */
  decode(): unknown {
    return decodeCbor(this.bytes)
  }

  /** `record`: a number that no other of the sender has that is under way. */
  *parts(record: number): Generator<RecordPart> {
    const total = this.bytes.length
    for (let at = 0; at < total; at += PART_BYTES) {
      yield { record, at, total, bytes: this.bytes.subarray(at, at + PART_BYTES) }
    }
  }
}

/** Puts the records of one sender together. */
export class PartJoiner {
  readonly #records = new Map<number, { readonly bytes: Uint8Array; have: number }>()

  /** The record that the part completes, or null. Throws E_BAD_PART. */
  join(part: RecordPart): EncodedRecord | null {
    const { record, at, total, bytes } = part
    checkPart(part)
    if (at === 0) this.#begin(record, total)
    const under = this.#records.get(record)
    if (under === undefined || under.have !== at || under.bytes.length !== total) {
      throw badPart(`part at ${at} of ${total} bytes, instead of at ${under?.have ?? 0}`)
    }
    under.bytes.set(bytes, at)
    under.have += bytes.length
    if (under.have < total) return null
    this.#records.delete(record)
    return new EncodedRecord(under.bytes)
  }

  #begin(record: number, total: number): void {
    if (this.#records.size >= UNDER_WAY_MAX) throw badPart(`more than ${UNDER_WAY_MAX} records`)
    this.#records.set(record, { bytes: new Uint8Array(total), have: 0 })
  }
}

function checkPart({ record, at, total, bytes }: RecordPart): void {
  const isGood =
    Number.isSafeInteger(record) &&
    Number.isSafeInteger(at) &&
    at >= 0 &&
    Number.isSafeInteger(total) &&
    total <= RECORD_BYTES_MAX &&
    bytes instanceof Uint8Array &&
    bytes.length > 0 &&
    at + bytes.length <= total
  if (!isGood) throw badPart('something that is none')
}

const badPart = (reason: string): MillraceError =>
  new MillraceError('E_BAD_PART', `expected the next part of a record, saw ${reason}`, {
    details: { reason },
  })

const tooLarge = (bytes: number): MillraceError =>
  new MillraceError(
    'E_RECORD_TOO_LARGE',
    `a record of ${bytes} bytes; results$ of a job on a cluster carries ${RECORD_BYTES_MAX} at most: ` +
      'split it, or write it to a file',
    { details: { bytes, limit: RECORD_BYTES_MAX } },
  )
