import type { RestoreState } from './state-snapshots.js'
export const restoreState: RestoreState = () => {}
