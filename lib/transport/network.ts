/** The network as one process of a cluster sees it: `listen` and `dial` with what is the same each time. */
import type { ControlLink, DataLink, Identity, Listener } from './node-links.js'

/** Who has dialled is known; what becomes of the link is up to these. */
export interface Welcome {
  onControl(link: ControlLink): void
  onData(link: DataLink): void
}

export interface Network {
  readonly self: Identity
  /** `host:port`; port 0 takes a free one. */
  listen(address: string, welcome: Welcome): Promise<Listener>
  dialControl(url: string): Promise<ControlLink>
  /** `expect`: refuses whoever answers under another id. */
  dialData(url: string, expect?: string): Promise<DataLink>
}
