/** The other process of a measurement: it listens, and does as it is told. */
import { fork } from 'node:child_process'
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

export interface OtherProcess {
  ask<T>(question: string | number): Promise<T>
  /** Its CPU time so far, in seconds. */
  cpuSeconds(): Promise<number>
  stop(): Promise<void>
}

/** It answers each message with one, `cpu` with its CPU time, and ends when it is let go of. */
export function startProcess(path: string, args: readonly string[]): OtherProcess {
  const child = fork(path, args)
  const ask = <T>(question: string | number): Promise<T> =>
    new Promise((resolve, reject) => {
      const ended = (code: number | null): void => {
        reject(new Error(`the other process ended with ${code}`))
      }
      child.once('exit', ended)
      child.once('message', (answer) => {
        child.off('exit', ended)
        resolve(answer as T)
      })
      child.send(question)
    })
  return {
    ask,
    cpuSeconds: () => ask('cpu'),
    async stop() {
      const exited = new Promise((resolve) => child.once('exit', resolve))
      child.disconnect()
      await exited
    },
  }
}

export interface PeerProcess extends OtherProcess {
  readonly dial: DialOptions
}

export async function startPeer(engine: Engine, job: 'send' | 'idle'): Promise<PeerProcess> {
  const path = fileURLToPath(new URL('./peer-process.js', import.meta.url))
  const peer = startProcess(path, [engine, job])
  const url = await peer.ask<string>('url')
  return { ...peer, dial: { url, self: identity('caller'), secrets } }
}
