/** A side output as its operator sees it. */
import type { Outlet } from '../../lib/channel/outlet.js'
import { deepFreeze } from '../../lib/operators/freeze.js'
import type { OperatorMetricsHandle, SideOutput } from '../../lib/operators/operator.js'

/** `outlet`: null where nobody reads it; then records are dropped, and counted as `unread <name>`. */
export function openSide(
  outlet: Outlet | null,
  name: string,
  metrics: OperatorMetricsHandle,
  freeze: boolean,
): SideOutput {
  if (outlet === null) {
    const unread = metrics.counter(`unread ${name}`)
    return { emit: (batch) => unread.add(batch.records.length) }
  }
  return {
    emit(batch) {
      if (freeze) for (const record of batch.records) deepFreeze(record)
      outlet.write(batch)
    },
  }
}
