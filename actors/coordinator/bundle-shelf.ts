/** Bundles that a coordinator holds: files named after their content, which came piece by piece. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MillraceError } from '../../lib/base/errors.js'
import { failpoint } from '../../lib/base/failpoint.js'
import { syncDirectory } from '../../lib/snapshot/store-index.js'
import type { BundlePiece } from '../node/protocol.js'
import type { BundleFacts } from './protocol.js'

/** Bytes of one piece: so that heartbeats on the same connection need not wait. */
export const PIECE_BYTES = 256 * 1024
/** Of one bundle. */
export const BUNDLE_BYTES_MAX = 64 * 1024 * 1024
/** Bundles that may be half-sent at a time. */
const COMING_MAX = 4
const SHA256 = /^[0-9a-f]{64}$/

export class BundleShelf {
  readonly #directory: string
  /** Of bundles that are coming, by hash. */
  readonly #coming = new Map<string, Uint8Array[]>()
  /** The one that was read last. */
  #read: { readonly sha256: string; readonly bytes: Uint8Array } | null = null

  private constructor(directory: string) {
    this.#directory = directory
  }

  static async open(directory: string): Promise<BundleShelf> {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    return new BundleShelf(directory)
  }

  fileOf(sha256: string): string {
    if (!SHA256.test(sha256)) throw badBundle(`'${sha256.slice(0, 70)}' is no SHA-256`)
    return join(this.#directory, `${sha256}.mjs`)
  }

  async has(sha256: string): Promise<boolean> {
    const found = await stat(this.fileOf(sha256)).catch(() => null)
    return found !== null && found.size > 0
  }

  async put({ sha256, bytes }: BundleFacts, offset: number, piece: Uint8Array): Promise<void> {
    const file = this.fileOf(sha256)
    if (!(bytes <= BUNDLE_BYTES_MAX))
      throw badBundle(`it has ${bytes} bytes; at most ${BUNDLE_BYTES_MAX} are allowed`)
    const pieces = this.#coming.get(sha256) ?? []
    const before = pieces.reduce((sum, each) => sum + each.length, 0)
    if (offset > before || offset + piece.length > bytes || piece.length === 0) {
      throw badBundle('its pieces are out of order')
    }
    // Somebody else may be sending the same: it is the same.
    if (offset < before) return
    pieces.push(piece)
    this.#coming.delete(sha256)
    if (before + piece.length < bytes) return this.#keep(sha256, pieces)
    const whole = Buffer.concat(pieces)
    if (createHash('sha256').update(whole).digest('hex') !== sha256) {
      throw badBundle('its content does not have the hash that was told')
    }
    const draft = `${file}.${randomBytes(6).toString('hex')}.draft`
    failpoint('bundle-put.before')
    await writeFile(draft, whole, { mode: 0o600, flush: true })
    await rename(draft, file)
    await syncDirectory(this.#directory)
    failpoint('bundle-put.after')
  }

  /** The latest is last; whoever has left something half-sent for longest loses it. */
  #keep(sha256: string, pieces: Uint8Array[]): void {
    this.#coming.set(sha256, pieces)
    const [oldest] = this.#coming.keys()
    if (this.#coming.size > COMING_MAX) this.#coming.delete(oldest!)
  }

  async piece(sha256: string, offset: number): Promise<BundlePiece | null> {
    if (this.#read?.sha256 !== sha256) {
      const bytes = await readFile(this.fileOf(sha256)).catch(() => null)
      if (bytes === null) return null
      this.#read = { sha256, bytes }
    }
    const { bytes } = this.#read
    return { bytes: bytes.subarray(offset, offset + PIECE_BYTES), length: bytes.length }
  }
}

const badBundle = (why: string): MillraceError =>
  new MillraceError('E_BAD_BUNDLE', `the bundle was refused: ${why}`)
