/** Bundles of job modules on a node: fetched once from the coordinator, and kept under their hash. */
import { createHash } from 'node:crypto'
import { MillraceError } from '../../lib/base/errors.js'
import { cacheFolder, keep, kept } from '../planner/bundle-cache.js'
import type { BundlePiece } from './protocol.js'

type Fetch = (sha256: string, offset: number) => Promise<BundlePiece | null>

/** Where a node finds bundles. */
export interface BundleFiles {
  /** The file with that content; `piece` fetches it where it is not here. */
  fetch(sha256: string, piece: Fetch): Promise<string>
}

export class Bundles implements BundleFiles {
  /** Under way, by hash. */
  readonly #fetching = new Map<string, Promise<string>>()

  /** The file with that content. */
  fetch(sha256: string, piece: Fetch): Promise<string> {
    const found = this.#fetching.get(sha256)
    if (found !== undefined) return found
    const fetching = findOrFetch(sha256, piece).finally(() => this.#fetching.delete(sha256))
    this.#fetching.set(sha256, fetching)
    return fetching
  }
}

async function findOrFetch(sha256: string, fetch: Fetch): Promise<string> {
  const folder = await cacheFolder()
  return (await kept(folder, sha256)) ?? (await fetchWhole(folder, sha256, fetch))
}

async function fetchWhole(folder: string, sha256: string, fetch: Fetch): Promise<string> {
  const pieces: Uint8Array[] = []
  for (let offset = 0, length = 1; offset < length; ) {
    const piece = await fetch(sha256, offset)
    if (piece === null || piece.bytes.length === 0) throw notThere(sha256)
    pieces.push(piece.bytes)
    offset += piece.bytes.length
    length = piece.length
  }
  const bytes = Buffer.concat(pieces)
  const seen = createHash('sha256').update(bytes).digest('hex')
  if (seen !== sha256) throw damaged(sha256, seen)
  return keep(folder, `${sha256}.mjs`, bytes.toString('utf8'))
}

const notThere = (sha256: string): MillraceError =>
  new MillraceError('E_NO_BUNDLE', `the coordinator has no bundle ${sha256}: submit the job again`)

const damaged = (sha256: string, seen: string): MillraceError =>
  new MillraceError('E_BUNDLE_DAMAGED', `bundle ${sha256} arrived with the hash ${seen}`, {
    retryable: true,
  })
