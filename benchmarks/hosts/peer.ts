/** The other process of a measurement: it listens, and does as it is told. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { DialOptions, Identity, Listener } from '../../lib/transport/node-links.js'

export type Engine = Listener['engine']

export const identity = (id: string): Identity => ({
  cluster: 'bench',
  id,
  party: 'node',
  incarnation: '0123456789abcdef',
})

export const secrets = [new TextEncoder().encode('a secret for measurements, 32 or more')]

export interface PeerProcess {
  readonly dial: DialOptions
  readonly child: ChildProcess
  /** Its CPU time so far, in seconds. */
  cpuSeconds(): Promise<number>
  stop(): Promise<void>
}

export async function startPeer(engine: Engine, job: 'send' | 'idle'): Promise<PeerProcess> {
  const path = fileURLToPath(new URL('./peer-process.js', import.meta.url))
  const child = fork(path, [engine, job])
  const ask = <T>(question: string): Promise<T> =>
    new Promise((resolve, reject) => {
      child.once('message', (answer) => resolve(answer as T))
      child.once('exit', (code) => reject(new Error(`the other process ended with ${code}`)))
      child.send(question)
    })
  const url = await ask<string>('url')
  return {
    dial: { url, self: identity('caller'), secrets },
    child,
    cpuSeconds: () => ask('cpu'),
    async stop() {
      const exited = new Promise((resolve) => child.once('exit', resolve))
      child.disconnect()
      await exited
    },
  }
}
