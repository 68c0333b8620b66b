/** The network of processes that reach each other by sockets. */
import { dialControl, dialData } from './dial.js'
import { listen } from './listen.js'
import type { Network } from './network.js'
import type { DialOptions, ListenOptions } from './node-links.js'

/** Of `listen` and `dial`, what is the same each time. */
export type SocketNetworkOptions = Omit<DialOptions, 'url' | 'expect'> &
  Omit<ListenOptions, 'address' | 'onControl' | 'onData'>

export function createSocketNetwork(options: SocketNetworkOptions): Network {
  return {
    self: options.self,
    listen: (address, welcome) =>
      listen({
        ...options,
        address,
        onControl: (link) => welcome.onControl(link),
        onData: (link) => welcome.onData(link),
      }),
    dialControl: (url) => dialControl({ ...options, url }),
    dialData: (url, expect) =>
      dialData({ ...options, url, ...(expect === undefined ? {} : { expect }) }),
  }
}
