/** The positions of a batch's records, those of one key group together, else in their order. */
export function groupOrder(groups: Uint16Array, groupsMax: number): Uint32Array {
  const starts = new Uint32Array(groupsMax + 1)
  for (let i = 0; i < groups.length; i++) starts[groups[i]! + 1]!++
  for (let group = 0; group < groupsMax; group++) starts[group + 1]! += starts[group]!
  const order = new Uint32Array(groups.length)
  for (let i = 0; i < groups.length; i++) order[starts[groups[i]!]!++] = i
  return order
}
