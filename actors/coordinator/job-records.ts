/**
 * What a coordinator must know again after its own death: its term, the jobs that run, and the nodes that
 * are cordoned. One file each, written whole and durably, or not at all.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MillraceError } from '../../lib/base/errors.js'
import { failpoint } from '../../lib/base/failpoint.js'
import { isName } from '../../lib/base/name.js'
import type { Deployment } from '../../lib/job/adoption.js'
import type { KeptFailures } from '../../lib/job/kept-failures.js'
import type { LifeCounts } from '../../lib/job/life-counts.js'
import type { BundleFacts, SubmitOptions } from './protocol.js'

/** A job that is to run, whatever happens to processes. */
export interface JobRecord {
  readonly id: string
  readonly pipeline: string
  readonly bundle: BundleFacts
  readonly options: SubmitOptions
  /** As many as it has now; rescaling changes it. */
  readonly slots: number
  readonly submittedMs: number
  /** It was told to drain: whatever life of it runs next is drained, too. */
  readonly drains?: true
  /** Of all its lives, the present one included. */
  readonly restarts?: number
  /** Of lives that it has had; missing where that was written before they were counted. */
  readonly before?: LifeCounts
  /** Of the lives that coordinators have gone on with. */
  readonly failures?: KeptFailures | null
  /** What runs of its present life; null where nothing was opened. */
  readonly deployment?: Deployment | null
}

const RECORD = /^(.+)\.json$/
/** No job has such an id. */
const CORDONS = 'cordons.json'

export class JobRecords {
  readonly #directory: string
  /** The last write of each job, and of the cordons: one at a time, in the order in which they were asked for. */
  readonly #writing = new Map<string, Promise<void>>()

  private constructor(directory: string) {
    this.#directory = directory
  }

  /** Makes the directories where they are missing. */
  static async open(directory: string): Promise<JobRecords> {
    await mkdir(join(directory, 'jobs'), { recursive: true, mode: 0o700 })
    return new JobRecords(directory)
  }

  /** One more than any term before; durable when it resolves. */
  async nextTerm(): Promise<number> {
    const path = join(this.#directory, 'term.json')
    const before = (await readJson(path)) as { term?: unknown } | null
    if (before !== null && !Number.isSafeInteger(before.term)) throw damaged(path)
    const term = ((before?.term as number | undefined) ?? 0) + 1
    failpoint('term-write.before')
    await writeDurably(this.#directory, 'term.json', { term })
    failpoint('term-write.after')
    return term
  }

  /** Names of the nodes that are to get nothing new. */
  async cordons(): Promise<readonly string[]> {
    const path = join(this.#directory, CORDONS)
    const found = (await readJson(path)) as { nodes?: unknown } | null
    const nodes: unknown = found === null ? [] : found.nodes
    if (!Array.isArray(nodes) || !nodes.every(isName)) throw damaged(path)
    return nodes
  }

  saveCordons(nodes: readonly string[]): Promise<void> {
    return this.#inTurn(CORDONS, () => writeDurably(this.#directory, CORDONS, { nodes }))
  }

  async all(): Promise<readonly JobRecord[]> {
    const folder = join(this.#directory, 'jobs')
    const records: JobRecord[] = []
    for (const name of (await readdir(folder)).toSorted()) {
      if (!RECORD.test(name)) continue
      const record = (await readJson(join(folder, name))) as JobRecord | null
      if (typeof record?.id !== 'string') throw damaged(join(folder, name))
      records.push(record)
    }
    return records
  }

  save(record: JobRecord): Promise<void> {
    const isDeployed = (record.deployment ?? null) !== null
    return this.#inTurn(record.id, async () => {
      if (isDeployed) failpoint('deployment-write.before')
      else failpoint('job-write.before')
      await writeDurably(join(this.#directory, 'jobs'), `${record.id}.json`, record)
      if (isDeployed) failpoint('deployment-write.after')
      else failpoint('job-write.after')
    })
  }

  remove(id: string): Promise<void> {
    return this.#inTurn(id, () => rm(join(this.#directory, 'jobs', `${id}.json`), { force: true }))
  }

  /** Resolves when all that was asked for is done, however that went. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#writing.values())
  }

  #inTurn(id: string, write: () => Promise<void>): Promise<void> {
    const before = this.#writing.get(id) ?? Promise.resolve()
    const writing = before.catch(() => {}).then(write)
    this.#writing.set(id, writing)
    const over = () => {
      if (this.#writing.get(id) === writing) this.#writing.delete(id)
    }
    writing.then(over, over)
    return writing
  }
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    if (error instanceof SyntaxError) throw damaged(path)
    throw error
  }
}

async function writeDurably(directory: string, name: string, value: object): Promise<void> {
  const draft = join(directory, `${name}.draft`)
  const file = await open(draft, 'w', 0o600)
  try {
    await file.writeFile(JSON.stringify(value))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, join(directory, name))
  const folder = await open(directory, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

const damaged = (path: string): MillraceError =>
  new MillraceError(
    'E_RECORD_DAMAGED',
    `${path} is not what a coordinator wrote: put it back from a backup, or move it away to lose what it tells`,
    { details: { path } },
  )
