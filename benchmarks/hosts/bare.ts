/**
 * What the machine lets through today, beside which throughput.ts says what Millrace costs: the same bytes
 * from a bare server to a bare reader, which reads as a link does and looks at nothing.
 */
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { assert } from '../../lib/base/assert.js'
import { FRAME_BYTES_MAX } from '../../lib/wire/limits.js'
import { measured, type Throughput } from './measured.js'
import { startProcess } from './peer.js'

export type BareEngine = 'uws' | 'net'

/** As a link: lib/transport/frame-reading.ts. */
const READ_BYTES = 256 * 1024
/** Before each message: the head of a server's frame with a length in 2 bytes (RFC 6455, section 5.2). */
const HEAD_BYTES = { uws: 4, net: 0 }
assert(FRAME_BYTES_MAX > 125 && FRAME_BYTES_MAX < 65_536, 'a length in 2 bytes')
const UPGRADE = [
  'GET /link HTTP/1.1',
  'Host: bench',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '\r\n',
].join('\r\n')

export async function bareThroughput(engine: BareEngine, frames: number): Promise<Throughput> {
  const path = fileURLToPath(new URL('./bare-process.js', import.meta.url))
  const server = startProcess(path, [engine])
  const reader = new BareReader(await server.ask<number>('port'))
  if (engine === 'uws') await reader.upgrade()
  const take = async (count: number): Promise<void> => {
    const taken = reader.take(count * (FRAME_BYTES_MAX + HEAD_BYTES[engine]))
    await server.ask(count)
    await taken
  }
  // A tenth of them first, for the compilers.
  await take(frames / 10)
  const result = await measured(frames, () => take(frames), server)
  reader.close()
  await server.stop()
  return result
}

class BareReader {
  readonly #tcp: Socket
  #missingBytes = 0
  #onDone: () => void = () => {}

  constructor(port: number) {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
    const callback = (bytes: number): boolean => {
      this.#missingBytes -= bytes
      if (this.#missingBytes <= 0) this.#onDone()
      return true
    }
    this.#tcp = connect({ port, host: '127.0.0.1', onread: { buffer, callback } })
  }

  /** Resolves with the answer, which comes in one piece. */
  upgrade(): Promise<void> {
    const answered = this.take(1)
    this.#tcp.write(UPGRADE)
    return answered
  }

  /** Resolves when so many bytes have come. */
  take(bytes: number): Promise<void> {
    this.#missingBytes = bytes
    return new Promise((resolve) => {
      this.#onDone = resolve
    })
  }

  close(): void {
    this.#tcp.destroy()
  }
}
