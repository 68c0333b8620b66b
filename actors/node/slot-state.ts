/** Where the slots of a node keep state that is larger than memory. */
import type { RemoteSetup } from './protocol.js'

/** It is for the node to say where on its disk; `directory` null: the folder for temporary files. */
export function keepingStateIn(directory: string | null, setup: RemoteSetup): RemoteSetup {
  const { state } = setup.settings
  if (state.backend === 'heap') return setup
  return { ...setup, settings: { ...setup.settings, state: { ...state, directory } } }
}

/** Removes what slots of a job have left because they were killed. `isThere`: whether any slot of it is. */
export async function removeStateLeft(
  { job, settings: { state } }: RemoteSetup,
  isThere: () => boolean,
): Promise<void> {
  if (state.backend === 'heap' || isThere()) return
  const { removeJobState } = await import('../../lib/state/level-rows.js')
  if (!isThere()) removeJobState(job, state.directory)
}
