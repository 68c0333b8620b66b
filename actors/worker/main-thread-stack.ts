/** Stack of the main thread, seen from a worker that must not be ended meanwhile. */
import inspector from 'node:inspector'
import { type Debuggee, type Fields, stackOf } from './debuggee.js'

export async function mainThreadStack(): Promise<string | null> {
  const session = new inspector.Session()
  session.connectToMainThread()
  const debuggee: Debuggee = {
    request: (method) =>
      new Promise((resolve) =>
        session.post(method, (_error, result) => resolve((result ?? {}) as Fields)),
      ),
    onEvent: () => {},
    onEnded: () => {},
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
