/** What the sinks of one slot publish, on its way to the coordinator. */
import type { Calls } from '../../lib/transport/calls.js'
import { inMessages } from '../../lib/transport/in-messages.js'
import { EncodedRecord } from '../../lib/transport/record-parts.js'
import type { CoordinatorMethods } from './protocol.js'

const CALL = { deadlineMs: null } as const

/**
 * Resolves when more may come. Rejects with E_RECORD_TOO_LARGE, E_CANNOT_TRAVEL for a record that cannot go:
 * that is a failure of whoever published it.
 */
export function resultsTo(
  coordinator: Calls<CoordinatorMethods>,
  ref: string,
): (records: readonly unknown[]) => Promise<void> {
  let large = 0
  const sendAlone = async (record: unknown): Promise<void> => {
    for (const part of EncodedRecord.of(record).parts(large++)) {
      await coordinator.call('resultPart', [ref, part], CALL)
    }
  }
  return (records) =>
    inMessages(records, (some) => coordinator.call('results', [ref, some], CALL), sendAlone)
}
