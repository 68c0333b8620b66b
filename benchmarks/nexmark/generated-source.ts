/**
 * Events made while they are read. A split is a partition: group `g` of fifty events is in partition
 * `g mod P`, so that each keeps the mix of kinds and the order of time.
 */

import type { Source } from 'millrace/connectors'
import { MillraceError } from '../../lib/base/errors.js'
import type { Dataset } from './dataset.js'
import type { EventKind, NexmarkEvent } from './model.js'

export function generated(
  _dataset: Dataset,
  _reads: readonly EventKind[],
  _partitions: number,
): Source<NexmarkEvent> {
  throw new MillraceError('E_NOT_THERE', 'the generator is not there yet')
}
