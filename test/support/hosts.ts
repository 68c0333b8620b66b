/**
 * Hosts made of network namespaces on one machine, with a switch between them that has a namespace of its
 * own: nothing touches the machine's network. Needs root and iproute2.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createLossyLink, type LossyLink } from './lossy-link.js'

const ip = (...args: readonly string[]) =>
  execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString()

/** Null where hosts can be made; else why not. */
export function whyNoHosts(): string | null {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const name = `mrt${process.pid}`
  try {
    ip('netns', 'add', name)
    ip('netns', 'del', name)
    return null
  } catch (error) {
    return `network namespaces cannot be made: ${(error as Error).message.split('\n')[0]}`
  }
}

/** Nobody has this address: what is sent to it is lost in silence. */
const NOBODY = '02:00:00:00:00:99'

let worlds = 0

/** Several may be there at a time: what is in the namespaces of one is seen by no other. */
export class Hosts {
  /** No name of a device may have more than 15 letters. */
  readonly #prefix = `m${process.pid.toString(36)}w${++worlds}`
  readonly #size: number
  readonly #processes = new Set<ChildProcess>()
  readonly #links: LossyLink[] = []

  constructor(size: number) {
    this.#size = size
    const hub = `${this.#prefix}sw`
    ip('netns', 'add', hub)
    ip('-n', hub, 'link', 'add', 'br0', 'type', 'bridge')
    ip('-n', hub, 'link', 'set', 'br0', 'up')
    for (let i = 1; i <= size; i++) {
      const [host, veth] = [this.#name(i), `${this.#prefix}v${i}`]
      ip('netns', 'add', host)
      ip('link', 'add', veth, 'netns', hub, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host)
      ip('-n', hub, 'link', 'set', veth, 'master', 'br0', 'up')
      ip('-n', host, 'addr', 'add', `${this.addressOf(i)}/24`, 'dev', 'eth0')
      ip('-n', host, 'link', 'set', 'lo', 'up')
      ip('-n', host, 'link', 'set', 'eth0', 'up')
    }
  }

  addressOf(host: number): string {
    return `10.100.7.${host}`
  }

  /** Gives a host, before anything runs there, a cable that can lose frames: see lossy-link.ts. */
  async wire(host: number): Promise<LossyLink> {
    const [hub, name, device] = [`${this.#prefix}sw`, this.#name(host), `${this.#prefix}v${host}`]
    ip('-n', hub, 'link', 'del', device)
    const ends = [
      { namespace: name, device: 'eth0' },
      { namespace: hub, device },
    ] as const
    const link = await createLossyLink(...ends)
    this.#links.push(link)
    ip('-n', hub, 'link', 'set', device, 'master', 'br0', 'up')
    ip('-n', name, 'addr', 'add', `${this.addressOf(host)}/24`, 'dev', 'eth0')
    ip('-n', name, 'link', 'set', 'eth0', 'up')
    return link
  }

  /** A Node.js process on a host. Its parent is this process: its pid is its own. */
  spawn(
    host: number,
    script: URL,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): ChildProcess {
    const child = spawn(
      'nsenter',
      [`--net=/run/netns/${this.#name(host)}`, process.execPath, fileURLToPath(script), ...args],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } },
    )
    this.#processes.add(child)
    child.once('exit', () => this.#processes.delete(child))
    return child
  }

  /** What `from` sends to `to` is lost; the other direction goes on. */
  cut(from: number, to: number): void {
    const to4 = this.addressOf(to)
    ip('-n', this.#name(from), 'neigh', 'replace', to4, 'lladdr', NOBODY, 'dev', 'eth0')
  }

  cutBoth(a: number, b: number): void {
    this.cut(a, b)
    this.cut(b, a)
  }

  healAll(): void {
    for (let i = 1; i <= this.#size; i++)
      ip('-n', this.#name(i), 'neigh', 'flush', 'all', 'nud', 'permanent')
    for (let i = 1; i <= this.#size; i++) ip('-n', this.#name(i), 'neigh', 'flush', 'dev', 'eth0')
  }

  /** The cable of a host. */
  plug(host: number, isIn: boolean): void {
    ip('-n', `${this.#prefix}sw`, 'link', 'set', `${this.#prefix}v${host}`, isIn ? 'up' : 'down')
  }

  /** What comes to a host comes no faster; null: as it likes. */
  slow(host: number, rate: string | null): void {
    const device = [`${this.#prefix}v${host}`, 'root']
    const tc = (...args: readonly string[]) =>
      execFileSync('ip', ['netns', 'exec', `${this.#prefix}sw`, 'tc', ...args])
    if (rate === null) tc('qdisc', 'del', 'dev', ...device)
    else
      tc(
        'qdisc',
        'replace',
        'dev',
        ...device,
        'tbf',
        'rate',
        rate,
        'burst',
        '16kb',
        'latency',
        '50ms',
      )
  }

  /** Every connection of a host breaks; `to`: to that other one. */
  reset(host: number, to: number | null = null): void {
    const args = ['netns', 'exec', this.#name(host), 'ss', '-K', '-t', 'state', 'established']
    if (to !== null) args.push('dst', this.addressOf(to))
    try {
      execFileSync('ip', args, { stdio: 'ignore' })
    } catch {
      // It says that an argument is invalid, and does what it was told.
    }
  }

  close(): void {
    for (const child of this.#processes) child.kill('SIGKILL')
    for (const link of this.#links) link.close()
    for (let i = 1; i <= this.#size; i++) ip('netns', 'del', this.#name(i))
    ip('netns', 'del', `${this.#prefix}sw`)
  }

  #name(host: number): string {
    return `${this.#prefix}h${host}`
  }
}
