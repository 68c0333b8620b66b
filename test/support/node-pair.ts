/** Two processes' worth of links in one: a listener and whoever dials it. */

import { dialControl, dialData } from '../../lib/transport/dial.js'
import { listen } from '../../lib/transport/listen.js'
import type {
  ControlLink,
  DataLink,
  DialOptions,
  Identity,
  Listener,
  ListenOptions,
} from '../../lib/transport/node-links.js'
import { newIncarnation } from '../../lib/transport/secret.js'
import { loadUws } from '../../lib/transport/uws-server.js'
import { until } from './until.js'

export type Engine = 'uws' | 'ws'

export const secrets = [new TextEncoder().encode('a secret of the tests, 32 and more')]

export const identity = (id: string, party: Identity['party'] = 'node'): Identity => ({
  cluster: 'test',
  id,
  party,
  incarnation: newIncarnation(),
})

/** Links that were accepted, and lines that were logged. */
export interface Host {
  readonly listener: Listener
  readonly controls: ControlLink[]
  readonly datas: DataLink[]
  readonly lines: string[]
}

export async function startHost(
  engine: Engine,
  options: Partial<ListenOptions> = {},
): Promise<Host> {
  const controls: ControlLink[] = []
  const datas: DataLink[] = []
  const lines: string[] = []
  const listener = await listen({
    address: ':0',
    self: identity('right'),
    secrets,
    engine,
    log: (line) => lines.push(line),
    onControl: (link) => controls.push(link),
    onData: (link) => datas.push(link),
    ...options,
  })
  return { listener, controls, datas, lines }
}

export const dialOptions = (host: Host, options: Partial<DialOptions> = {}): DialOptions => ({
  url: host.listener.url,
  self: identity('left'),
  secrets,
  ...options,
})

/** The caller's end and the listener's. */
export async function controlPair(
  host: Host,
  options: Partial<DialOptions> = {},
): Promise<readonly [ControlLink, ControlLink]> {
  const left = await dialControl(dialOptions(host, options))
  await until(() => host.controls.length > 0)
  return [left, host.controls.pop()!]
}

export async function dataPair(
  host: Host,
  options: Partial<DialOptions> = {},
): Promise<readonly [DataLink, DataLink]> {
  const left = await dialData(dialOptions(host, options))
  await until(() => host.datas.length > 0)
  return [left, host.datas.pop()!]
}

/** Engines that load here; a test names those that do not. */
export async function engines(): Promise<readonly Engine[]> {
  return (await loadUws()) === null ? ['ws'] : ['uws', 'ws']
}
