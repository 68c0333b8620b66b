/**
 * Looks into a thread through V8's inspector: what it is doing, and how much heap it uses. Works in
 * the middle of a turn; other threads notice nothing.
 *
 * A thread in a native call (a long `JSON.parse`, `execSync`, `Atomics.wait`) does not answer the
 * inspector either: then the result is null, after at most `LOOK_MS_MAX`. A thread that ends answers
 * null at once.
 */
import { createPositionMapper } from './source-position.js'

const ANSWER_MS = 500
/** The answer to the look itself, and to its end. */
export const LOOK_MS_MAX = 2 * ANSWER_MS
const FRAMES_MAX = 32

interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly location: {
    readonly scriptId: string
    readonly lineNumber: number
    readonly columnNumber?: number
  }
}

export type Fields = { readonly [name: string]: unknown }

/** A thread that speaks the DevTools protocol. */
export interface Debuggee {
  /** Null: the thread has ended. */
  request(method: string): Promise<Fields | null>
  onEvent: (method: string, params: Fields) => void
  /** Called once when the thread has ended. */
  onEnded: () => void
}

/**
 * Stack of the thread, which is paused for an instant. `disable` lets it go on, also where it pauses
 * too late.
 *
 * `enable` and `pause` leave together, and what follows is sent to a thread that stands still: a thread
 * answers what is left of its requests in the middle of its end, and a request sent in reply meets an
 * inspector that is being taken down, on which Node.js aborts the process.
 */
export async function stackOf(debuggee: Debuggee): Promise<string | null> {
  const urls = new Map<string, string>()
  const paused = new Promise<readonly CallFrame[] | null>((resolve) => {
    debuggee.onEnded = () => resolve(null)
    debuggee.onEvent = (method, params) => {
      if (method === 'Debugger.scriptParsed') urls.set(String(params.scriptId), String(params.url))
      if (method === 'Debugger.paused') resolve(params.callFrames as readonly CallFrame[])
    }
  })
  const letGo = () => debuggee.request('Debugger.disable')
  // A process that ends waits for its threads, and nobody would let a paused one go.
  process.once('exit', letGo)
  void debuggee.request('Debugger.enable')
  void debuggee.request('Debugger.pause')
  const frames = await within(paused)
  await within(letGo())
  process.off('exit', letGo)
  return frames && describe(frames, urls)
}

/** Heap in use, in bytes, garbage included. Buffers are not counted. */
export async function heapBytesOf(debuggee: Debuggee): Promise<number | null> {
  const usage = await within(debuggee.request('Runtime.getHeapUsage'))
  return usage && (usage.usedSize as number)
}

function describe(frames: readonly CallFrame[], urls: ReadonlyMap<string, string>): string {
  const positionOf = createPositionMapper()
  return frames
    .slice(0, FRAMES_MAX)
    .map(({ functionName, url, location }) => {
      const { scriptId, lineNumber, columnNumber = 0 } = location
      const place = positionOf(url || urls.get(scriptId) || '<unknown>', lineNumber, columnNumber)
      return `    at ${functionName === '' ? place : `${functionName} (${place})`}`
    })
    .join('\n')
}

async function within<T>(work: Promise<T | null>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, ANSWER_MS, null)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
