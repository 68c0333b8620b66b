/** A command in a process of its own, whose output a test waits for. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** The command line of Millrace, as compiled. */
export const MILLRACE = fileURLToPath(new URL('../../actors/cli/main.js', import.meta.url))

/** No command of a test may take longer. */
const DEADLINE_MS = 90_000

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Command {
  readonly process: ChildProcess
  readonly stdout: string
  readonly stderr: string
  readonly ended: Promise<Ended>
  /** Resolves when standard output holds; rejects with all that was said where it ends before. */
  output(holds: (stdout: string) => boolean): Promise<void>
  /** The same for standard error. */
  errors(holds: (stderr: string) => boolean): Promise<void>
}

export interface CommandOptions {
  readonly cwd?: string
  /** Beside that of the test. */
  readonly env?: NodeJS.ProcessEnv
  /** Default 30 s. */
  readonly deadlineMs?: number
}

/** `node script …args`, ended by force at its deadline. */
export function command(
  script: string,
  args: readonly string[] = [],
  { cwd = ROOT, env = {}, deadlineMs = DEADLINE_MS }: CommandOptions = {},
): Command {
  const child = spawn(process.execPath, [script, ...args], {
    cwd,
    env: { ...process.env, ...env },
    timeout: deadlineMs,
    killSignal: 'SIGABRT',
  })
  let stdout = ''
  let stderr = ''
  const waiting = new Set<() => void>()
  const look = () => {
    for (const each of waiting) each()
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    look()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    look()
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  const said = (holds: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = () => {
        if (!holds()) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      ended.then(() => reject(new Error(`ended too early\n${stdout}\n${stderr}`)), reject)
      check()
    })
  return {
    process: child,
    get stdout() {
      return stdout
    },
    get stderr() {
      return stderr
    },
    ended,
    output: (holds) => said(() => holds(stdout)),
    errors: (holds) => said(() => holds(stderr)),
  }
}
