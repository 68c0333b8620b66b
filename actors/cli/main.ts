#!/usr/bin/env node
/** The `millrace` binary: the command line in a process. */
import { type Cancel, systemClock } from '../../lib/base/clock.js'
import { packageVersion } from '../../lib/base/package-version.js'
import { cli } from './cli.js'
import type { CliWorld, Output } from './world.js'

/** Of a terminal that does not say its size. */
const [ROWS, COLUMNS] = [24, 80]
/** Time that what is still open after the end has to close, before the process ends anyway. */
const LEAVE_MS = 2000

const world: CliWorld = {
  version: packageVersion(),
  env: process.env,
  clock: systemClock,
  stdout: outputOf(process.stdout),
  stderr: outputOf(process.stderr),
  onInterrupt: (listener) => both(on('SIGINT', listener), on('SIGTERM', listener)),
  onOutputClosed(listener) {
    const closed = (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') listener()
    }
    process.stdout.on('error', closed)
    return () => process.stdout.off('error', closed)
  },
  onExit(listener) {
    process.on('exit', listener)
    return () => process.off('exit', listener)
  },
  exit: (code) => process.exit(code),
  async loadRun(slots) {
    const { ThreadsAhead } = await import('../job/threads-ahead.js')
    const threads = new ThreadsAhead(slots)
    // They load the runtime, and so does this one.
    threads.start()
    const { runModule } = await import('../job/run-module.js')
    return (module, options) => runModule(module, options, threads)
  },
}

// A reader that has gone (`… | head`) is no error of ours, whichever stream it read.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}
process.exitCode = await cli(process.argv.slice(2), world)
leave()

/** Ends the process when everything written has been read, whatever else may still be open. */
function leave(): void {
  setTimeout(() => {
    if (process.stdout.writableLength === 0) process.exit()
    else leave()
  }, LEAVE_MS).unref()
}

function outputOf(stream: NodeJS.WriteStream): Output {
  return {
    get isTTY() {
      return stream.isTTY === true
    },
    get rows() {
      return stream.rows ?? ROWS
    },
    get columns() {
      return stream.columns ?? COLUMNS
    },
    write: (text) => {
      stream.write(text)
    },
  }
}

function on(signal: NodeJS.Signals, listener: () => void): Cancel {
  process.on(signal, listener)
  return () => process.off(signal, listener)
}

function both(first: Cancel, second: Cancel): Cancel {
  return () => {
    first()
    second()
  }
}
