/**
 * `node bare-process.js uws|net`: sends messages as large as frames as fast as they are taken, by uWebSockets or over plain
 * TCP, with nothing of Millrace. It is told how many by its parent, and ends when that lets go of it.
 */
import { type AddressInfo, createServer } from 'node:net'
import { FRAME_BYTES_MAX } from '../../lib/wire/limits.js'
import { cpuSeconds } from './idle.js'

/** More wait in the socket by one message at most. */
const WAITING_BYTES = 1024 * 1024

const message = new Uint8Array(FRAME_BYTES_MAX).fill(7)
let left = 0
let isFull: () => boolean = () => true
let send: () => void = () => {}

function pump(): void {
  while (left > 0 && !isFull()) {
    // First, since sending may come back to here.
    left -= 1
    send()
  }
}

async function serveUws(): Promise<number> {
  const uws = await import('uWebSockets.js')
  const app = uws.App().ws('/*', {
    maxBackpressure: 2 * WAITING_BYTES,
    idleTimeout: 0,
    open(socket) {
      isFull = () => socket.getBufferedAmount() >= WAITING_BYTES
      send = () => {
        socket.send(message, true)
      }
    },
    // Not from in there: of what is sent within `drain`, what the system does not take at once may never leave.
    drain: () => void setImmediate(pump),
  })
  return new Promise((resolve) => {
    app.listen('127.0.0.1', 0, (listening) => {
      if (listening) resolve(uws.us_socket_local_port(listening))
    })
  })
}

function serveNet(): Promise<number> {
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    isFull = () => socket.writableLength >= WAITING_BYTES
    send = () => {
      socket.write(message, pump)
    }
    pump()
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

const port = await (process.argv[2] === 'uws' ? serveUws() : serveNet())

process.on('message', (question) => {
  if (question === 'port') process.send!(port)
  else if (question === 'cpu') process.send!(cpuSeconds())
  else {
    left += Number(question)
    process.send!(0)
    pump()
  }
})
process.on('disconnect', () => process.exit(0))
