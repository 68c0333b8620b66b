/**
 * Log of refused peers: whatever they do, one line per kind and window. The first of a kind is told at
 * once; what follows within the window is counted, and told at its end.
 */
import type { Cancel, Clock } from '../base/clock.js'

const WINDOW_MS = 60_000
/** Longest text of a peer in a line. */
const TEXT_LENGTH_MAX = 300

export interface RefusalLog {
  /** `remote`: who; '' where it is not known. */
  refused(kind: string, remote: string, text: string): void
  /** Tells what was counted so far; nothing is logged any more. */
  close(): void
}

interface Window {
  count: number
  lastRemote: string
  readonly cancel: Cancel
}

export function createRefusalLog(log: (line: string) => void, clock: Clock): RefusalLog {
  const windows = new Map<string, Window>()
  let isClosed = false
  const end = (kind: string): void => {
    const { count, lastRemote, cancel } = windows.get(kind)!
    cancel()
    windows.delete(kind)
    if (count > 0) log(summary(kind, count, lastRemote))
  }
  return {
    refused(kind, remote, text) {
      if (isClosed) return
      const window = windows.get(kind)
      if (window !== undefined) {
        window.count += 1
        window.lastRemote = remote
        return
      }
      log(`refused a connection${from(remote)}: ${oneLine(text)}`)
      const cancel = clock.after(WINDOW_MS, () => end(kind))
      windows.set(kind, { count: 0, lastRemote: '', cancel })
    },
    close() {
      isClosed = true
      for (const kind of [...windows.keys()]) end(kind)
    },
  }
}

const summary = (kind: string, count: number, remote: string): string =>
  `refused ${count} more connection${count === 1 ? '' : 's'} (${kind}) within ` +
  `${WINDOW_MS / 1000} s${remote === '' ? '' : `, the last${from(remote)}`}`

const from = (remote: string): string => (remote === '' ? '' : ` from ${remote}`)

/** Printable ASCII only: no line breaks, no escape sequences, nothing that turns the line around. */
const oneLine = (text: string): string => {
  const plain = text.replace(/[^\x20-\x7e]/g, '?')
  return plain.length <= TEXT_LENGTH_MAX ? plain : `${plain.slice(0, TEXT_LENGTH_MAX)}...`
}
