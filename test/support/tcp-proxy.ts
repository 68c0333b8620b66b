/** A TCP proxy that loses, damages and breaks what passes through it. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface TcpProxy {
  readonly url: string
  /** False: bytes in that direction vanish, and the connection stays open. */
  up: boolean
  down: boolean
  /** Reads no more from the listener, whose bytes pile up there. */
  stall(): void
  /** Changes bytes on their way to the caller. */
  damage: ((bytes: Buffer) => void) | null
  /** Breaks every connection with RST. */
  reset(): void
  close(): void
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  const listeners = new Set<Socket>()
  const server = createServer((caller) => {
    const listener = connect(target, '127.0.0.1')
    listeners.add(listener)
    pass(caller, listener, () => proxy.up)
    pass(
      listener,
      caller,
      () => proxy.down,
      (bytes) => proxy.damage?.(bytes),
    )
  })
  function pass(from: Socket, to: Socket, isOpen: () => boolean, change = (_: Buffer) => {}): void {
    sockets.add(from)
    from.on('data', (bytes) => {
      if (!isOpen()) return
      change(bytes)
      to.write(bytes)
    })
    from.on('error', () => to.destroy())
    from.on('close', () => {
      sockets.delete(from)
      to.destroy()
    })
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: TcpProxy = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    up: true,
    down: true,
    damage: null,
    stall() {
      for (const socket of listeners) socket.pause()
    },
    reset() {
      for (const socket of [...sockets]) socket.resetAndDestroy()
    },
    close() {
      server.close()
      proxy.reset()
    },
  }
  return proxy
}
