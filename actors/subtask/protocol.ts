/**
 * The messages of a subtask actor, all on the control lane; data comes by channels.
 *
 * A subtask is opened by its construction: operators, channels, sink. It processes nothing before
 * `Start`. It ends by finishing (its parent hears of its stop) or by failing; a stop from outside
 * releases everything at once.
 */
import type { Split } from '../../lib/connectors/source.js'

export type SubtaskMessage =
  | { readonly kind: 'Start' }
  /** For sources: what to read; `last`: no more will follow. */
  | { readonly kind: 'AssignSplits'; readonly splits: readonly Split[]; readonly last: boolean }
  /** For sources: read no more, as if the input had ended. Others ignore it. */
  | { readonly kind: 'Drain' }
