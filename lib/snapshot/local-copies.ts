/**
 * Copies of the chunks that slots of a node have written, beside the durable store: what is restored
 * where it was written need not be fetched.
 *
 * ## Invariants
 * 1. A copy never makes a chunk count as written: nobody waits for it, and nobody hears that it failed.
 * 2. A copy is given to a restore only where its length and SHA-256 are those that the manifest tells.
 *    What is missing, damaged or of another run is fetched from the durable store, and counted.
 * 3. No copy outlives its use: `CopiedRounds` says which are kept while the job is here; `forget` lets go
 *    of all of a job, and what the process leaves behind goes with it (`copy-files.ts`).
 * 4. Copies on disk never take more than `bytesMax`, and those on their way there `PENDING_BYTES_MAX` of
 *    memory; what would go beyond is not copied.
 * 5. Where a copy cannot be written, that is told once, and no more are made. Those that are there serve on.
 *
 * It survives no restart of its process: which copies there are is kept in memory.
 */
import type { ChunkRef, ChunkStore } from './chunk-store.js'
import { CopiedRounds } from './copied-rounds.js'
import type { SubtaskAck } from './round.js'
import { readChunk } from './verify.js'

/** Where copies lie. It need not be durable, and is this process's own. */
export type CopyStore = Pick<ChunkStore, 'place' | 'put' | 'get' | 'delete' | 'close'>

export interface LocalCopiesOptions {
  /** Called at the first copy. */
  readonly open: () => Promise<CopyStore>
  /** On disk; 0: no copies. */
  readonly bytesMax: number
  /** Called once: no more copies are made. */
  readonly onFailed: (error: Error) => void
}

/** Why there is no copy to read. */
export type NoCopy = 'missing' | 'damaged'

interface Copy {
  /** Its id in the store of copies. */
  readonly name: string
  readonly cost: number
  /** Resolves when it has been written, or could not be. */
  readonly written: Promise<void>
}

interface JobCopies {
  readonly rounds: CopiedRounds
  readonly copies: Map<string, Copy>
}

/** Of a file beside its bytes: bounds the number of files, too. */
const COST_OF_FILE_BYTES = 4096
const PENDING_BYTES_MAX = 32 * 2 ** 20

export class LocalCopies {
  readonly #options: LocalCopiesOptions
  readonly #jobs = new Map<string, JobCopies>()
  #opened: Promise<CopyStore> | null = null
  #names = 0
  #bytes = 0
  #pendingBytes = 0
  #isOver = false

  constructor(options: LocalCopiesOptions) {
    this.#options = options
  }

  /** On disk, as far as they count. */
  get bytes(): number {
    return this.#bytes
  }

  /** *Caller must* not change the bytes any more. */
  put(job: string, round: number, id: string, bytes: Uint8Array): void {
    const cost = bytes.length + COST_OF_FILE_BYTES
    if (this.#isOver || this.#bytes + cost > this.#options.bytesMax) return
    if (this.#pendingBytes + bytes.length > PENDING_BYTES_MAX) return
    const { rounds, copies } = this.#of(job)
    if (copies.has(id) || !rounds.put(round, id)) return
    const name = String(++this.#names)
    this.#bytes += cost
    copies.set(id, { name, cost, written: this.#write(name, bytes) })
  }

  async get(job: string, ref: ChunkRef): Promise<Uint8Array | NoCopy> {
    const copy = this.#jobs.get(job)?.copies.get(ref.id)
    if (copy === undefined) return 'missing'
    await copy.written
    try {
      const store = await this.#store()
      return await readChunk({ place: store.place, get: () => store.get(copy.name) }, ref)
    } catch {
      this.#drop(job, ref.id)
      return 'damaged'
    }
  }

  acknowledged(job: string, ack: SubtaskAck): void {
    this.#jobs.get(job)?.rounds.acknowledged(ack)
  }

  completed(job: string, round: number): void {
    if (this.#jobs.get(job)?.rounds.completed(round)) this.#sweep(job)
  }

  abandoned(job: string, round: number): void {
    if (this.#jobs.get(job)?.rounds.abandoned(round)) this.#sweep(job)
  }

  /** The job is not here any more. */
  forget(job: string): void {
    for (const id of this.#jobs.get(job)?.copies.keys() ?? []) this.#drop(job, id)
    this.#jobs.delete(job)
  }

  /** Lets go of everything. */
  async close(): Promise<void> {
    this.#isOver = true
    const writing = [...this.#jobs.values()].flatMap(({ copies }) => [...copies.values()])
    this.#jobs.clear()
    await Promise.all(writing.map(({ written }) => written))
    const store = await this.#opened?.catch(() => null)
    await store?.close().catch(() => {})
  }

  #sweep(job: string): void {
    const { rounds, copies } = this.#jobs.get(job)!
    for (const id of copies.keys()) if (!rounds.keeps(id)) this.#drop(job, id)
  }

  #drop(job: string, id: string): void {
    const copies = this.#jobs.get(job)?.copies
    const copy = copies?.get(id)
    if (copy === undefined) return
    copies!.delete(id)
    void this.#delete(copy)
  }

  async #delete({ name, cost, written }: Copy): Promise<void> {
    await written
    try {
      const store = await this.#store()
      await store.delete([name])
      this.#bytes -= cost
    } catch {
      // It still takes its room, until the process ends.
    }
  }

  async #write(name: string, bytes: Uint8Array): Promise<void> {
    this.#pendingBytes += bytes.length
    try {
      const store = await this.#store()
      await store.put(name, bytes)
    } catch (error) {
      if (this.#isOver) return
      this.#isOver = true
      this.#options.onFailed(error as Error)
    } finally {
      this.#pendingBytes -= bytes.length
    }
  }

  #store(): Promise<CopyStore> {
    this.#opened ??= this.#options.open()
    return this.#opened
  }

  #of(job: string): JobCopies {
    const known = this.#jobs.get(job)
    if (known !== undefined) return known
    const fresh: JobCopies = { rounds: new CopiedRounds(), copies: new Map() }
    this.#jobs.set(job, fresh)
    return fresh
  }
}
