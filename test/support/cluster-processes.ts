/** Processes of a cluster on loopback, what they say, and how they die. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { within } from '../e2e/support.js'
import type { ProcessSettings } from './cluster-parts.js'

const PROCESS = fileURLToPath(new URL('./cluster-process.js', import.meta.url))

export interface Said {
  readonly kind: string
  readonly atMs: number
  readonly [more: string]: unknown
}

/** A process that says what happens to it as lines of JSON. */
export class Talking {
  readonly child: ChildProcess
  readonly said: Said[] = []
  readonly exited: Promise<NodeJS.Signals | number | null>
  #waiting: (() => void)[] = []

  constructor(child: ChildProcess) {
    this.child = child
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? code))
    })
    let rest = ''
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()!
      for (const line of lines) if (line.startsWith('{')) this.said.push(JSON.parse(line))
      for (const look of this.#waiting) look()
    })
  }

  /** The first that holds, of what is said from number `from` on. */
  hear(holds: (said: Said) => boolean, from = 0, ms = 60_000): Promise<Said> {
    return within(
      ms,
      `${this.child.spawnargs.at(-1)}: ${holds}`,
      new Promise((resolve) => {
        const look = () => {
          const found = this.said.slice(from).find(holds)
          if (found === undefined) return
          this.#waiting = this.#waiting.filter((each) => each !== look)
          resolve(found)
        }
        this.#waiting.push(look)
        look()
      }),
    )
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }
}

/** Starts it, and waits until it listens or has joined. `failpoint`: where it dies. */
export async function startProcess(
  settings: ProcessSettings,
  failpoint: string | null = null,
): Promise<Talking> {
  const talking = spawnProcess(settings, failpoint)
  await isUp(talking)
  return talking
}

export function spawnProcess(settings: ProcessSettings, failpoint: string | null): Talking {
  const child = spawn(process.execPath, [PROCESS, JSON.stringify(settings)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...(failpoint !== null && { MILLRACE_FAILPOINT: failpoint }) },
  })
  return new Talking(child)
}

/** When it listens or has joined; a process may die at its failpoint before. */
export async function isUp(talking: Talking): Promise<void> {
  const up = talking.hear(({ kind }) => kind === 'Listening' || kind === 'Joined')
  await Promise.race([up, talking.exited])
}

/**
 * A port of loopback that was free a moment ago. Of those that the system gives to nobody by itself: it
 * stays free while whoever listens there is started again, whatever runs beside.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
