/** A cluster of processes on hosts of their own, and a job whose output shows what is lost, repeated or out of order. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { ProcessSettings } from './cluster-parts.js'
import { type Said, Talking } from './cluster-processes.js'
import { Hosts } from './hosts.js'
import type { LossyLink } from './lossy-link.js'
import { mount } from './mount.js'

const PROCESS = new URL('./cluster-process.js', import.meta.url)
const ACCOUNTING = fileURLToPath(new URL('../e2e/jobs/accounting.js', import.meta.url))
const SECRET = 'a secret of the test that is long enough to be one'
export const ROWS = 12_000
const PER_SECOND = 2_000
export const NODES = 3
/** The host of the coordinator; those of nodes follow. */
export const HUB_HOST = 1

/** Of the job. */
type Args = Readonly<Record<string, string>>

export const hostOf = (node: number): number => HUB_HOST + 1 + node

export class HostsWorld {
  readonly hosts = new Hosts(NODES + 1)
  readonly dir = mkdtempSync(join(tmpdir(), 'millrace-hosts-'))
  readonly nodes: Talking[] = []
  hub!: Talking
  /** Of whoever has submitted the job: its states, and `Checkpointed`. */
  client!: Talking
  /** The cable of one of the hosts, where it was asked for. */
  cable: LossyLink | null = null
  /** Nodes that are started later tell how much of their leases is left. */
  tellsLeases = false
  /** Environment of nodes, by number. */
  readonly #own = new Map<number, NodeJS.ProcessEnv>()
  /** Where nodes keep state that is larger than memory, by number. */
  readonly #states = new Map<number, string>()

  /** Of the job. */
  get restarts(): number {
    return this.client.said.filter(({ kind }) => kind === 'Restarting').length
  }

  get url(): string {
    return `ws://${this.hosts.addressOf(HUB_HOST)}:7000`
  }

  async start(): Promise<void> {
    await this.startHub()
    await Promise.all(Array.from({ length: NODES }, (_, i) => this.startNode(i)))
  }

  async wire(node: number): Promise<void> {
    this.cable = await this.hosts.wire(hostOf(node))
  }

  /** A folder that is a disk of its own. */
  disk(t: Test, name: string, mb: number): string {
    const at = join(this.dir, name)
    mkdirSync(at)
    t.ok(mount(t, at, '-t', 'tmpfs', '-o', `size=${mb}m`, 'tmpfs') !== null, 'a disk of its own')
    return at
  }

  /** Where a node that is started later keeps what is its own: copies of chunks, bundles, what is spilled. */
  keepsAt(node: number, folder: string): void {
    this.#own.set(node, { TMPDIR: folder, MILLRACE_CACHE_DIR: join(folder, 'bundles') })
  }

  /** Where a node that is started later keeps state that is larger than memory. */
  keepsStateAt(node: number, folder: string): void {
    this.#states.set(node, folder)
  }

  async startHub(): Promise<void> {
    this.hub = this.#spawn(HUB_HOST, {
      kind: 'coordinator',
      name: 'hub',
      listen: `${this.hosts.addressOf(HUB_HOST)}:7000`,
      secret: SECRET,
      data: join(this.dir, 'data'),
    })
    await this.hub.hear(({ kind }) => kind === 'Listening')
  }

  async startNode(i: number): Promise<void> {
    const host = hostOf(i)
    const settings = {
      kind: 'node',
      name: `node-${i}`,
      listen: `${this.hosts.addressOf(host)}:7001`,
      secret: SECRET,
      join: this.url,
      slots: 2,
      keepsCopies: this.#own.has(i),
      tellsLeases: this.tellsLeases,
      ...(this.#states.has(i) && { stateDirectory: this.#states.get(i)! }),
    } as const
    this.nodes[i] = this.#spawn(host, settings, this.#own.get(i))
    await this.nodes[i].hear(({ kind }) => kind === 'Joined')
  }

  /** By a client on a host; resolves when the job has taken its first checkpoint. */
  async submit(rows = ROWS, more: object = {}, args: Args = {}): Promise<void> {
    this.submitOnly(rows, more, args)
    await this.client.hear(({ kind }) => kind === 'Checkpointed')
  }

  submitOnly(rows = ROWS, more: object = {}, args: Args = {}): void {
    const options = {
      args: {
        out: join(this.dir, 'out'),
        rows: String(rows),
        perSecond: String(PER_SECOND),
        name: 'counts',
        parallelism: '3',
        ...args,
      },
      checkpoint: { interval: 100 },
      supervise: { maxRestarts: 50, restart: { firstMs: 50, maxMs: 500 } },
      parallelism: 3,
      ...more,
    }
    this.hub.child.stdout!.resume()
    this.client = new Talking(
      this.hosts.spawn(HUB_HOST, new URL('./cluster-client.js', import.meta.url), [
        JSON.stringify({ url: this.url, secret: SECRET, module: ACCOUNTING, options }),
      ]),
    )
  }

  async end(): Promise<Said> {
    return this.hub.hear(({ kind }) => kind === 'JobEnded')
  }

  close(): void {
    this.hosts.close()
    rmSync(this.dir, { recursive: true, force: true })
  }

  #spawn(host: number, settings: ProcessSettings, env: NodeJS.ProcessEnv = {}): Talking {
    return new Talking(this.hosts.spawn(host, PROCESS, [JSON.stringify(settings)], env))
  }
}
