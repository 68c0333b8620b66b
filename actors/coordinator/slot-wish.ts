import type { SlotWish } from '../../lib/placement/place.js'
import type { JobRecord } from './job-records.js'

/** What each of the job's slots asks of a node. */
export function slotWishOf({ id, options }: JobRecord): SlotWish {
  const { strategy = 'spread', labels = {}, apartFrom, besides } = options.placement ?? {}
  return {
    job: id,
    strategy,
    labels,
    ...(apartFrom !== undefined && { apartFrom }),
    ...(besides !== undefined && { besides }),
  }
}
