/**
 * The inspector's sessions with the worker threads of this process: one for each, from the start of
 * the thread to its end, opened by Node itself.
 *
 * `NodeWorker.enable` is sent once and stays. It goes through Node's table of workers and calls back
 * for each; a worker that starts or ends meanwhile changes the table under it, and the process ends
 * with a segmentation fault (Node 20 to 24). So whatever starts a thread here, for slots, plans or the stall
 * watch of a job in the calling thread, calls `workerSessions` before, though it may never look into any: then
 * there is none to call back for, but what others have started. Workers that start later are announced without
 * that loop.
 *
 * What others start nobody can wait for: a program whose own workers come and go just when it first runs a job
 * takes that risk. For a job in the calling thread `stallWatch: false` avoids it.
 *
 * A session in which nothing is enabled costs its thread nothing. It is also closed from one side
 * only, by the end of its thread: no thread ends in the middle of a detachment.
 *
 * Its events interrupt whatever JavaScript is running: handlers only note what has come.
 */
import inspector from 'node:inspector'
import type { Debuggee, Fields } from './debuggee.js'

/** Sessions by thread id. */
export interface WorkerSessions {
  /** Null before the thread runs, and after its end. */
  find(threadId: number): Debuggee | null
}

let sessions: WorkerSessions | null = null

/** Of the calling thread, opened at the first call. */
export function workerSessions(): WorkerSessions {
  sessions ??= openSessions()
  return sessions
}

function openSessions(): WorkerSessions {
  const session = new inspector.Session()
  const byThread = new Map<number, WorkerSession>()
  const bySession = new Map<string, WorkerSession>()
  session.connect()
  session.on('NodeWorker.attachedToWorker', ({ params: { sessionId, workerInfo } }) => {
    const opened = new WorkerSession(session, sessionId, threadIdIn(workerInfo.title))
    byThread.set(opened.threadId, opened)
    bySession.set(sessionId, opened)
  })
  session.on('NodeWorker.receivedMessageFromWorker', ({ params: { sessionId, message } }) => {
    bySession.get(sessionId)?.receive(message)
  })
  session.on('NodeWorker.detachedFromWorker', ({ params: { sessionId } }) => {
    const closed = bySession.get(sessionId)
    if (closed === undefined) return
    bySession.delete(sessionId)
    byThread.delete(closed.threadId)
    closed.end()
  })
  session.post('NodeWorker.enable', { waitForDebuggerOnStart: false })
  return { find: (threadId) => byThread.get(threadId) ?? null }
}

/** The inspector numbers workers its own way; the thread id stands in the title: `[worker 3] name`. */
function threadIdIn(title: string): number {
  return Number(/\bworker (\d+)/i.exec(title)?.[1] ?? -1)
}

class WorkerSession implements Debuggee {
  readonly threadId: number
  onEvent: Debuggee['onEvent'] = () => {}
  onEnded: () => void = () => {}
  readonly #session: inspector.Session
  readonly #sessionId: string
  readonly #answers = new Map<number, (result: Fields | null) => void>()
  #requests = 0
  #hasEnded = false

  constructor(session: inspector.Session, sessionId: string, threadId: number) {
    this.#session = session
    this.#sessionId = sessionId
    this.threadId = threadId
  }

  request(method: string): Promise<Fields | null> {
    if (this.#hasEnded) return Promise.resolve(null)
    return new Promise((resolve) => {
      const id = ++this.#requests
      this.#answers.set(id, resolve)
      const message = JSON.stringify({ id, method })
      this.#session.post('NodeWorker.sendMessageToWorker', { sessionId: this.#sessionId, message })
    })
  }

  receive(text: string): void {
    const { id, method, result, params } = JSON.parse(text)
    if (id === undefined) return this.onEvent(method, params)
    this.#answers.get(id)?.(result ?? {})
    this.#answers.delete(id)
  }

  end(): void {
    this.#hasEnded = true
    for (const answer of this.#answers.values()) answer(null)
    this.#answers.clear()
    this.onEnded()
  }
}
