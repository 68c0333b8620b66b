/**
 * The chunk store contract: where snapshots lie. Immutable chunks, and manifests that name them.
 *
 * - A *chunk* is a sequence of bytes under an id. It is written once and never changed. It counts as
 *   written when `put` has resolved: then it survives a crash of the process and of the machine.
 * - A *manifest* makes a snapshot of chunks: what no manifest names does not exist for a restore.
 *   `commit` is the one atomic step of a round; it resolves when the manifest is durable. Half a
 *   manifest, or one whose chunks are not durable, is never seen. *Caller must* have put all its
 *   chunks before.
 * - The store believes nothing and checks nothing: bytes may come back damaged, cut or not at all. Who
 *   reads compares length and SHA-256 with the manifest (`verify.ts`), and a manifest carries its own.
 *   What it must not do is to forget that a manifest was committed: a number that `manifests` names
 *   while `manifest` has none for it is a loss, and no restore passes over it unsaid.
 * - One process has a store open at a time; a second is refused with E_STORE_LOCKED.
 * - Errors: E_STORE, with the path and what to do in the message; `details.code` holds the system's
 *   code where there is one (ENOSPC, EIO), and `retryable` is true where there was no room. Then the store
 *   may be used again; after any other failed write `put` and `commit` fail until it is opened anew.
 *   What was to be written, and was not, may be tried again under the same id or number. Which of them are
 *   the end of the job says `isStoreLost` (`store-error.ts`).
 *
 * Ids of chunks are texts of `[A-Za-z0-9._-]` in parts joined by `/`; manifests are numbered.
 */

export interface ChunkStore {
  /** Where it is, for messages. */
  readonly place: string
  /**
   * Resolves when the chunk is durable. An id that exists is E_CHUNK_EXISTS. *Caller must* not change the
   * bytes before that.
   */
  put(id: string, bytes: Uint8Array): Promise<void>
  /** Null where there is none of that id. */
  get(id: string): Promise<Uint8Array | null>
  /** Ids of all chunks, in order of the ids' bytes. */
  list(): AsyncIterable<string>
  /** Unknown ids are ignored. Need not be durable: what comes back is deleted again. */
  delete(ids: readonly string[]): Promise<void>
  /** Writes manifest `number`; one atomic, synced step. A number that exists is E_CHUNK_EXISTS. */
  commit(number: number, manifest: Uint8Array): Promise<void>
  /** Numbers of the manifests, ascending. */
  manifests(): Promise<readonly number[]>
  manifest(number: number): Promise<Uint8Array | null>
  /** Deletes a manifest: durable when it resolves. Its chunks may be deleted after that only. */
  retire(number: number): Promise<void>
  close(): Promise<void>
}

/** What a manifest knows of a chunk. */
export interface ChunkRef {
  readonly id: string
  /** Lower-case hexadecimal. */
  readonly sha256: string
  readonly bytes: number
  /** Entries in it, of whatever kind. */
  readonly count: number
}
