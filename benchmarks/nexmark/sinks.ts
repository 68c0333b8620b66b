/** Where results go: nowhere, into files of canonical rows, or into a sum that tells whether they agree. */
import { filter, keyBy, lastPerKey, map, type Stream } from 'millrace'
import { blackhole, partFiles } from 'millrace/connectors'
import { measured } from './measured-sink.js'
import type { Change } from './model.js'
import type { AppendQuery, UpdatingQuery } from './query-kinds.js'
import { rowHash } from './row-hash.js'
import { rowText } from './row-text.js'
import type { QuerySettings } from './settings.js'

type AnyQuery<Row> = AppendQuery<Row> | UpdatingQuery<Row>

export function toSink<Row>(
  query: AnyQuery<Row>,
  results: Stream<Row | Change<Row>, 'event' | 'untimed', unknown>,
  { sink, out }: QuerySettings,
): void {
  if (sink === 'blackhole') return results.to(measured(blackhole()))
  const rows = 'key' in query ? materialized(query, results) : results
  const text = rowText(query.columns)
  if (sink === 'hash') return (rows as Stream<Row>).to(measured(rowHash(text)))
  const files = query.files?.(out) ?? partFiles<Row>(out, { format: text })
  return (rows as Stream<Row>).to(measured(files))
}

/**
 * The table that changes make, when the stream ends: the last row of every key that is not deleted.
 * Keyed and kept as state, so that it survives a restart.
 */
function materialized<Row>(
  { key }: UpdatingQuery<Row>,
  changes: Stream<Row | Change<Row>, 'event' | 'untimed', unknown>,
): Stream<Row> {
  return (changes as Stream<Change<Row>>).pipe(
    keyBy((change) => key(change.row)),
    lastPerKey({ name: 'table' }),
    map(([, change]) => change),
    filter((change) => change.kind !== 'delete'),
    map((change) => change.row),
  )
}
