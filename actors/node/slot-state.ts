/** Where the slots of a node keep state that is larger than memory. */
import type { RemoteSetup } from './protocol.js'

/** It is for the node to say where on its disk; `directory` null: the folder for temporary files. */
export function keepingStateIn(directory: string | null, setup: RemoteSetup): RemoteSetup {
  const { state } = setup.settings
  if (state.backend === 'heap') return setup
  return { ...setup, settings: { ...setup.settings, state: { ...state, directory } } }
}
