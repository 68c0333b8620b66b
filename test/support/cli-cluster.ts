/** A cluster of real processes on loopback, and the command line that looks after it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort } from './cluster-processes.js'
import { type Command, command, type Ended, MILLRACE } from './command.js'

/** No process of a test lives longer. */
const LIFE_MS = 240_000
const SECRET = 'a secret of a test, long enough'.repeat(2)

export interface ClusterProcesses {
  readonly dir: string
  readonly url: string
  readonly coordinator: Command
  /** The file with its secret. */
  readonly secretFile: string
  /** Resolves when it has joined. */
  node(name: string, ...args: readonly string[]): Promise<Command>
  /** A command for the cluster, under way. */
  start(...args: readonly string[]): Command
  /** A command for the cluster, when it has ended. */
  run(...args: readonly string[]): Promise<Ended>
}

/** What its processes are told beside what each needs. */
export interface ProcessFlags {
  readonly coordinator: readonly string[]
  readonly node: readonly string[]
  readonly client: readonly string[]
}

const NO_FLAGS: ProcessFlags = { coordinator: [], node: [], client: [] }

/** All of it ends with the test. `flags`: given the directory of the cluster. */
export async function clusterProcesses(
  t: Test,
  flags: (dir: string) => ProcessFlags = () => NO_FLAGS,
): Promise<ClusterProcesses> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-cli-cluster-'))
  const secretFile = join(dir, 'secret')
  writeFileSync(secretFile, `${SECRET}\n`)
  const started: Command[] = []
  const start = (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const shared = { MILLRACE_SECRET_FILE: secretFile, NO_COLOR: '1' }
    const each = command(MILLRACE, args, { env: { ...shared, ...env }, deadlineMs: LIFE_MS })
    started.push(each)
    return each
  }
  t.teardown(async () => {
    for (const { process } of started) process.kill('SIGKILL')
    await Promise.all(started.map(({ ended }) => ended))
    rmSync(dir, { recursive: true, force: true })
  })
  // Not a port that the system gives for :0: such a one cannot be taken again at once.
  const port = await freePort()
  const told = flags(dir)
  const listening = ['--listen', `:${port}`, '--data', join(dir, 'data')]
  const coordinator = start(['coordinator', ...listening, ...told.coordinator])
  await coordinator.errors((text) => text.includes('a node joins it by'))
  const url = /coordinator at (wss?:\S+),/.exec(coordinator.stderr)![1]!
  const reached = { MILLRACE_COORDINATOR: url }
  return {
    dir,
    url,
    coordinator,
    secretFile,
    async node(name, ...args) {
      const node = start(['node', '--join', url, '--name', name, ...told.node, ...args])
      await node.errors((text) => text.includes('joined'))
      return node
    },
    start: (...args) => start([...args, ...told.client], reached),
    run: (...args) => start([...args, ...told.client], reached).ended,
  }
}
