/**
 * What `millrace` exports that is no row of the table of all operators, and why: an export that is neither here
 * nor a row fails the table's test.
 */

const COMPOSES = 'composes pipelines and runs nothing'
const DESCRIBES = 'describes what an operator is given'
const PARTITIONS =
  'says how an edge is made and has no code in a chain: test/lib/channel, test/lib/graph'
const WINDOW_JOIN =
  'is made of map, merge, window and windowProcess: test/actors/several-joins.test.ts'
const GUARDS = 'stands for what a fused run does at errors: test/actors/catch-error.test.ts'
const MERGES = 'is the union of channels, without code in a chain'
const STAMPS = 'makes the watermarks that others keep: timestamps.test.ts'

const all = (why: string, ...names: readonly string[]) => names.map((name) => [name, why] as const)

export const notRows: ReadonlyMap<string, string> = new Map([
  ...all(COMPOSES, 'MillraceError', 'isPipeline', 'pipeline'),
  ...all(DESCRIBES, 'recordsOf', 'sideTag'),
  ...all(DESCRIBES, 'aggregatingState', 'broadcastState', 'listState', 'mapState'),
  ...all(DESCRIBES, 'operatorListState', 'reducingState', 'valueState'),
  ...all(DESCRIBES, 'countWindow', 'cumulating', 'globalWindow', 'session', 'sliding'),
  ...all(DESCRIBES, 'slidingCount', 'tumbling', 'countEvictor', 'timeEvictor'),
  ...all(DESCRIBES, 'continuousEventTimeTrigger', 'continuousProcessingTimeTrigger'),
  ...all(DESCRIBES, 'countTrigger', 'deltaTrigger', 'eventTimeTrigger', 'neverTrigger'),
  ...all(DESCRIBES, 'processingTimeTrigger', 'purging'),
  ...all(PARTITIONS, 'broadcast', 'global', 'partitionBy', 'partitionByRange', 'rebalance'),
  ...all(PARTITIONS, 'rescale', 'shuffle'),
  ...all(WINDOW_JOIN, 'coGroup', 'windowJoin'),
  ...all(GUARDS, 'catchError', 'retry'),
  ...all(MERGES, 'merge', 'mergeWith'),
  ...all(STAMPS, 'ingestionTime', 'timestamps'),
  ['share', 'is the stream itself: combine.test.ts'],
  ['sideOutput', 'reads what another operator sends: test/actors/side-outputs.test.ts'],
])
