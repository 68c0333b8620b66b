/** A coordinator and nodes as processes on loopback, with a folder for what they keep. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort, isUp, spawnProcess, type Talking } from './cluster-processes.js'

export class LoopbackCluster {
  readonly dir = mkdtempSync(join(tmpdir(), 'millrace-loopback-'))
  hub!: Talking
  readonly nodes: Talking[] = []
  /** Of each node. */
  readonly #slots: number
  #port = 0

  /** Ends with the test. */
  constructor(t: Test, slots: number) {
    this.#slots = slots
    t.teardown(() => {
      for (const { child } of [this.hub, ...this.nodes]) child.kill('SIGKILL')
      rmSync(this.dir, { recursive: true, force: true })
    })
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}`
  }

  async start(nodes: number): Promise<void> {
    this.#port = await freePort()
    await this.startHub()
    await Promise.all(Array.from({ length: nodes }, (_, i) => this.startNode(i)))
  }

  /** `failpoint`: where it dies. */
  async startHub(failpoint: string | null = null): Promise<void> {
    const listen = `127.0.0.1:${this.#port}`
    const data = join(this.dir, 'data')
    const settings = { kind: 'coordinator', name: 'hub', listen, secret: null, data } as const
    this.hub = spawnProcess(settings, failpoint)
    await isUp(this.hub)
  }

  async startNode(i: number, failpoint: string | null = null): Promise<void> {
    const listen = '127.0.0.1:0'
    const settings = { kind: 'node', name: `node-${i}`, listen, secret: null } as const
    const joining = { ...settings, join: this.url, slots: this.#slots }
    this.nodes[i] = spawnProcess(joining, failpoint)
    await isUp(this.nodes[i])
  }

  /** Where nothing runs. `failpoint`: where each dies that comes there. */
  async startAll(failpoint: string | null = null): Promise<void> {
    const nodes = this.nodes.map((_, i) => this.startNode(i, failpoint))
    await Promise.all([this.startHub(failpoint), ...nodes])
  }

  /** Kills all of them first. */
  async startNodesAnew(failpoint: string | null = null): Promise<void> {
    await Promise.all(this.nodes.map((node) => this.kill(node)))
    await Promise.all(this.nodes.map((_, i) => this.startNode(i, failpoint)))
  }

  async kill(process: Talking): Promise<void> {
    process.kill('SIGKILL')
    await process.exited
  }
}
