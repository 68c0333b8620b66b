/** The positions of a batch's records, those of one key group together, else in their order. */
export function groupOrder(groups: Uint16Array, groupsMax: number): Uint32Array {
  if (groups.length < groupsMax / GROUPS_PER_RECORD) return sorted(groups)
  const starts = new Uint32Array(groupsMax + 1)
  for (let i = 0; i < groups.length; i++) starts[groups[i]! + 1]!++
  for (let group = 0; group < groupsMax; group++) starts[group + 1]! += starts[group]!
  const order = new Uint32Array(groups.length)
  for (let i = 0; i < groups.length; i++) order[starts[groups[i]!]!++] = i
  return order
}

/** More groups for each record, and looking at every group takes longer than sorting. */
const GROUPS_PER_RECORD = 32

const sorted = (groups: Uint16Array): Uint32Array =>
  Uint32Array.from(groups.keys()).sort((a, b) => groups[a]! - groups[b]! || a - b)
