/**
 * The messages of a subtask actor, all on the control lane; data comes by channels.
 *
 * A subtask is opened by its construction: operators, channels, sink. It processes nothing before
 * `Start`. It ends by finishing (its parent hears of its stop) or by failing; a stop from outside
 * releases everything at once.
 */
import type { InputChannel, OutputChannel } from '../../lib/channel/channel.js'
import type { Split } from '../../lib/connectors/source.js'
import type { SubtaskId } from '../../lib/graph/subtasks.js'
import type { Barrier } from '../../lib/operators/signal.js'

export type SubtaskMessage =
  | { readonly kind: 'Start' }
  /** For sources: what to read; `last`: no more will follow. */
  | { readonly kind: 'AssignSplits'; readonly splits: readonly Split[]; readonly last: boolean }
  /** For sources: read no more, as if the input had ended. Others ignore it. */
  | { readonly kind: 'Drain' }
  /** A round of snapshots has begun; `stop`: a source reads nothing behind it. */
  | { readonly kind: 'Snapshot'; readonly barrier: Barrier; readonly stop: boolean }
  /** The round has taken too long: its barriers go ahead of data from now on. */
  | { readonly kind: 'SnapshotHurried'; readonly round: number }
  /** The round's manifest is written: sinks commit, later rounds build on it. `done`: has committed. */
  | { readonly kind: 'SnapshotCompleted'; readonly round: number; readonly done: () => void }
  /** The round is given up, or was none that others build on (a savepoint). */
  | { readonly kind: 'SnapshotAbandoned'; readonly round: number }

/** The ends in one slot of a replaced subtask's new channels. */
export interface Renewal {
  /** Records that had arrived at the old receiving ends of the subtask, and were not read. */
  readonly unread: number
  /** Ends for its neighbours: those that receive from it, and those that send to it. */
  readonly inputs: readonly { readonly at: SubtaskId; readonly channel: InputChannel }[]
  readonly outputs: readonly { readonly at: SubtaskId; readonly channel: OutputChannel }[]
}
