/**
 * Looks into a thread that does not answer, through V8's inspector: attached at the moment of need,
 * and detached again. Other threads notice nothing.
 *
 * A thread in a native call (a long `JSON.parse`, `execSync`, `Atomics.wait`) does not answer the
 * inspector either: then the result is null, after `TIMEOUT_MS`.
 */
import inspector from 'node:inspector'
import { createPositionMapper } from './source-position.js'

const TIMEOUT_MS = 500
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

type Fields = { readonly [name: string]: unknown }

/** A thread that speaks the DevTools protocol. */
interface Debuggee {
  request(method: string): Promise<Fields>
  onEvent: (method: string, params: Fields) => void
}

/** Stack of a worker thread of this process, seen from the main thread; paused for an instant. */
export function workerStack(threadId: number): Promise<string | null> {
  return withWorker(threadId, stackOf)
}

/**
 * Heap in use of a worker thread, in bytes, garbage included, even in the middle of a turn. Buffers
 * are not counted.
 */
export function workerHeapBytes(threadId: number): Promise<number | null> {
  return withWorker(threadId, async (debuggee) => {
    const usage = await within(debuggee.request('Runtime.getHeapUsage'))
    return usage && (usage.usedSize as number)
  })
}

/** Stack of the main thread, seen from a worker. */
export async function mainThreadStack(): Promise<string | null> {
  const session = new inspector.Session()
  session.connectToMainThread()
  const debuggee: Debuggee = {
    request: (method) =>
      new Promise((resolve) =>
        session.post(method, (_error, result) => resolve((result ?? {}) as Fields)),
      ),
    onEvent: () => {},
  }
  session.on('inspectorNotification', (message) => {
    const { method, params } = message as { method: string; params: Fields }
    debuggee.onEvent(method, params)
  })
  try {
    return await stackOf(debuggee)
  } finally {
    session.disconnect()
  }
}

async function withWorker<T>(
  threadId: number,
  look: (debuggee: Debuggee) => Promise<T | null>,
): Promise<T | null> {
  const session = new inspector.Session()
  session.connect()
  try {
    const debuggee = await within(attachToWorker(session, threadId))
    return debuggee && (await look(debuggee))
  } finally {
    // Detaching also resumes the worker, should it still be paused.
    session.post('NodeWorker.disable')
    session.disconnect()
  }
}

/** The inspector numbers workers its own way; the thread id stands in the title: `[worker 3] name`. */
function attachToWorker(session: inspector.Session, threadId: number): Promise<Debuggee> {
  return new Promise((resolve) => {
    session.on('NodeWorker.attachedToWorker', ({ params: { sessionId, workerInfo } }) => {
      if (/\bworker (\d+)/i.exec(workerInfo.title)?.[1] !== String(threadId)) return
      resolve(debuggeeOver(session, sessionId))
    })
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false })
  })
}

function debuggeeOver(session: inspector.Session, sessionId: string): Debuggee {
  const answers = new Map<number, (result: Fields) => void>()
  let requests = 0
  const debuggee: Debuggee = {
    request: (method) =>
      new Promise((resolve) => {
        const id = ++requests
        answers.set(id, resolve)
        const message = JSON.stringify({ id, method })
        session.post('NodeWorker.sendMessageToWorker', { sessionId, message })
      }),
    onEvent: () => {},
  }
  session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
    if (params.sessionId !== sessionId) return
    const { id, method, result, params: fields } = JSON.parse(params.message)
    if (id === undefined) return debuggee.onEvent(method, fields)
    answers.get(id)?.(result ?? {})
    answers.delete(id)
  })
  return debuggee
}

/** Enable, pause, read, resume, disable; each step waits for the one before. */
async function stackOf(debuggee: Debuggee): Promise<string | null> {
  const urls = new Map<string, string>()
  const paused = new Promise<readonly CallFrame[]>((resolve) => {
    debuggee.onEvent = (method, params) => {
      if (method === 'Debugger.scriptParsed') urls.set(String(params.scriptId), String(params.url))
      if (method === 'Debugger.paused') resolve(params.callFrames as readonly CallFrame[])
    }
  })
  const frames = await within(
    debuggee
      .request('Debugger.enable')
      .then(() => debuggee.request('Debugger.pause'))
      .then(() => paused),
  )
  if (frames !== null) void debuggee.request('Debugger.resume')
  await within(debuggee.request('Debugger.disable'))
  return frames && describe(frames, urls)
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

async function within<T>(work: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, TIMEOUT_MS, null)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
