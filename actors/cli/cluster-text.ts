/** A cluster as lines for people: what happens to it, and its lists. Pure. */
import type {
  ClusterEvent,
  ConnectionEvent,
  JobView,
  NodeEvent,
  NodeView,
  SlotView,
} from '../index.js'
import type { Detail } from './messages.js'
import { showBytes, showDuration, slotsText } from './quantity.js'
import { tableText } from './table.js'

export function clusterEventText(event: ClusterEvent): string {
  switch (event.kind) {
    case 'NodeJoined':
      return `node ${event.node} joined with ${slotsText(event.slots)}`
    case 'NodeLost':
      return `node ${event.node} is gone: ${event.reason}`
    case 'NodeReturned':
      return `node ${event.node} has connected again, and goes on`
    case 'NodeCordoned':
      return event.cordoned
        ? `node ${event.node} is cordoned: it gets nothing new`
        : `node ${event.node} takes work again`
    case 'NodeEvacuated':
      return `node ${event.node} is empty`
    case 'NodeInDoubt':
      return `node ${event.node} could not set up a slot, others come first for ${showDuration(event.forMs)}: ${event.reason}`
    case 'PeersApart':
      return `nodes ${event.node} and ${event.other} have lost their connection: ${event.reason}`
    case 'JobSubmitted':
      return `job ${event.job} was submitted`
    case 'JobRecovered':
      return `job ${event.job} goes on`
    case 'JobCannotBegin':
      return `job ${event.job} cannot begin: ${event.reason}; trying again in ${showDuration(event.retryMs)}`
    case 'JobAdopted':
      return `job ${event.job} runs on as it was`
    case 'JobWaits':
      return `job ${event.job} waits for ${slotsText(event.slots)}: ${event.missing}`
    case 'JobRescaled':
      return `job ${event.job} has ${slotsText(event.slots)} now`
    case 'JobSuspended':
      return `job ${event.job} goes on when the coordinator is started again`
    case 'JobEnded':
      return `job ${event.job} has ended: ${event.state.toLowerCase()}`
  }
}

/** Null for what is told as an error, to whoever waited. */
export function connectionText(event: ConnectionEvent): string | null {
  switch (event.kind) {
    case 'Lost':
      return `lost the coordinator, trying again for ${showDuration(event.patienceMs)}: ${event.reason}`
    case 'Found':
      return 'reached the coordinator again'
    case 'GivenUp':
      return null
  }
}

/** Null for what is only of interest in detail. */
export function nodeEventText(event: NodeEvent, detail: Detail): string | null {
  switch (event.kind) {
    case 'Joined':
      return `joined ${event.coordinator}`
    case 'Interrupted':
      return `the connection to the coordinator was lost: ${event.reason}. Connecting again; work goes on.`
    case 'Reconnected':
      return 'connected to the coordinator again'
    case 'Paused':
      return `the coordinator does not answer: ${slotsText(event.slots)} paused`
    case 'Resumed':
      return `the coordinator answers: ${slotsText(event.slots)} resumed`
    case 'Lost':
      return `lost the coordinator: ${event.reason}; ${slotsText(event.slots)} paused. Joining again.`
    case 'CannotJoin':
      return `cannot join: ${event.reason}; trying again in ${showDuration(event.retryMs)}`
    case 'PeerLost':
      return `lost the connection to node ${event.node}: ${event.reason}`
    case 'SlotsKept':
      return `the coordinator may go on with ${slotsText(event.refs.length)}`
    case 'SlotStarted':
      return detail === 'verbose' ? `slot ${event.ref} begins` : null
    case 'SlotEnded':
      return detail === 'verbose' ? `slot ${event.ref} has ended` : null
    case 'CopiesFailed':
      return `cannot keep copies of chunks: ${event.reason}. Restores fetch all of them from the coordinator.`
    case 'ChunksRead':
      return detail === 'verbose' || event.damaged > 0 ? readText(event) : null
  }
}

function readText(event: NodeEvent & { readonly kind: 'ChunksRead' }): string {
  const { ref, copiedBytes, fetchedBytes, damaged } = event
  const why = damaged === 0 ? '' : `; ${damaged} of its copies were damaged`
  return (
    `slot ${ref} goes on: ${showBytes(copiedBytes)} of chunks from copies here, ` +
    `${showBytes(fetchedBytes)} from the coordinator${why}`
  )
}

/** Of all of them what each waits for; null: none does. */
export function waitsText(jobs: readonly JobView[]): string | null {
  const waits = jobs.flatMap(({ id, waitsFor }) =>
    waitsFor === null ? [] : [`job ${id} waits for ${waitsFor}`],
  )
  return waits.length === 0 ? null : waits.join('; ')
}

export function jobsText(jobs: readonly JobView[], nowMs: number): string {
  if (jobs.length === 0) return 'There are no jobs.\n'
  const rows = jobs.map(({ id, state, slots, restarts, sinceMs, waitsFor, error }) => [
    id,
    state,
    String(slots),
    String(restarts),
    showDuration(Math.max(0, nowMs - sinceMs)),
    error?.split('\n', 1)[0] ?? (waitsFor === null ? '' : `waits for ${waitsFor}`),
  ])
  const columns = [
    { title: 'JOB' },
    { title: 'STATE' },
    { title: 'SLOTS', right: true },
    { title: 'RESTARTS', right: true },
    { title: 'AGE', right: true },
    { title: '' },
  ]
  return tableText(columns, rows)
}

export function nodesText(nodes: readonly NodeView[]): string {
  if (nodes.length === 0) return 'No node has joined.\n'
  const rows = nodes.map(({ name, slots, taken, labels, cordoned, url, version }) => [
    name,
    `${taken}/${slots}`,
    cordoned ? 'cordoned' : 'ready',
    Object.entries(labels)
      .map(([label, value]) => `${label}=${value}`)
      .join(','),
    url,
    version,
  ])
  const columns = [
    { title: 'NODE' },
    { title: 'TAKEN', right: true },
    { title: 'STATE' },
    { title: 'LABELS' },
    { title: 'ADDRESS' },
    { title: 'VERSION' },
  ]
  return tableText(columns, rows)
}

export function placementText(slots: readonly SlotView[]): string {
  const rows = slots.map(({ slot, node, chains }) => [
    String(slot),
    node ?? 'waits for a place',
    chains.join(', '),
  ])
  return tableText([{ title: 'SLOT', right: true }, { title: 'NODE' }, { title: 'CHAINS' }], rows)
}

/** `2 slots on a, 1 slot on b`; where nothing has a place, an empty text. */
export function placesText(slots: readonly SlotView[]): string {
  const counts = new Map<string, number>()
  for (const { node } of slots) if (node !== null) counts.set(node, (counts.get(node) ?? 0) + 1)
  return [...counts].map(([node, count]) => `${slotsText(count)} on ${node}`).join(', ')
}
