/**
 * A savepoint that no job has taken: state that comes from somewhere else, for a job to begin with.
 *
 * It holds operators of a pipeline in one subtask each; a restore deals that out anew. Operators that
 * are not named, sources too, begin as they would without a savepoint.
 */
import { randomUUID } from 'node:crypto'
import { MillraceError } from '../base/errors.js'
import { refuseUnknownOptions } from '../base/unknown-option.js'
import type { Graph, GraphNode } from '../graph/graph.js'
import { keyScopes } from '../graph/key-scope.js'
import { createHeapState } from '../state/heap-state.js'
import { refOf } from './chunk-ref.js'
import type { ChunkRef, ChunkStore } from './chunk-store.js'
import { fillState, type StateContent } from './fill-state.js'
import { keptBy } from './kept-form.js'
import { openLevelChunkStore } from './level-chunk-store.js'
import { encodeManifest, type Manifest, type OperatorSnapshot } from './manifest.js'
import { createStateSnapshots } from './state-rounds.js'

/** What `writeSavepoint` is given. */
export interface SavepointContent {
  /** The pipeline that is to begin with it: names, kinds, versions of values and key groups are taken from it. */
  readonly pipeline: ComposablePipeline
  /** By name of the operator (`{ name }`), and by that of its state. */
  readonly operators: Readonly<Record<string, Readonly<Record<string, StateContent>>>>
}

/** What `pipeline` returns. */
export interface ComposablePipeline {
  readonly name: string
  compose(): { readonly graph: Graph; readonly fingerprint: string }
}

/** What `writeSavepoint` has written. */
export interface WrittenSavepoint {
  readonly directory: string
  /** Its number. */
  readonly round: number
  /** Of all chunks. */
  readonly bytes: number
  /** Values, elements of lists and entries of maps. */
  readonly rows: number
}

const ROUND = 1

/**
 * Writes a savepoint from data, outside any job: `run(…, { restore: directory })` begins with it, at any
 * parallelism, in either state backend. The state of one operator at a time is in memory.
 *
 * A state of `process` has the name and the kind that it was declared with; what other operators call theirs,
 * `millrace state read` shows: that of `scan` is `result`, that of aggregates `accumulator`, a `value` behind
 * `keyBy` and a `single` elsewhere. Values are those that the pipeline of now stores (`stateVersion`).
 *
 * @param directory - new, empty, or a store without snapshots
 * @throws MillraceError `E_NO_OPERATOR`, `E_NO_STATE` with what there is; `E_BAD_KEY`, `E_DUPLICATE_KEY`,
 * `E_STATE_VALUE` with operator and state; `E_SNAPSHOTS_THERE`; `E_STORE`. The directory then holds no
 * snapshot.
 *
 * @example
 * const balances = pipeline('balances', (flow) =>
 *   flow
 *     .from(fromArray([{ user: 'ann', amount: 5 }]))
 *     .pipe(
 *       keyBy(({ user }) => user),
 *       scan((sum, { amount }) => sum + amount, 0, { name: 'balance' }),
 *     )
 *     .to(print()),
 * )
 * await writeSavepoint('savepoint', {
 *   pipeline: balances,
 *   operators: { balance: { result: { kind: 'value', rows: [['ann', 37], ['ben', 4]] } } },
 * })
 * run(balances, { checkpoint: { directory: 'state' }, restore: 'savepoint' }) // prints ["ann",42]
 */
export async function writeSavepoint(
  directory: string,
  content: SavepointContent,
): Promise<WrittenSavepoint> {
  refuseUnknownOptions('writeSavepoint', content, ['pipeline', 'operators'])
  const { graph, fingerprint } = content.pipeline.compose()
  const parts = Object.entries(content.operators).map(([name, states]) => {
    return { node: statefulNode(graph, name), states }
  })
  const startedMs = Date.now()
  const store = await openLevelChunkStore(directory)
  try {
    const [there] = await store.manifests()
    if (there !== undefined) throw snapshotsThere(directory)
    const writer = new SavepointWriter(store, graph)
    const operators: OperatorSnapshot[] = []
    for (const { node, states } of parts) operators.push(await writer.write(node, states))
    const manifest: Manifest = {
      kind: 'savepoint',
      round: ROUND,
      pipeline: graph.pipeline,
      run: writer.run,
      fingerprint,
      startedMs,
      durationMs: Date.now() - startedMs,
      mode: 'aligned',
      maxParallelism: graph.options.maxParallelism,
      operators,
    }
    await store.commit(ROUND, encodeManifest(manifest))
    return { directory, round: ROUND, ...writer.written }
  } finally {
    await store.close()
  }
}

class SavepointWriter {
  /** In the ids of chunks: those of an earlier attempt are left alone. */
  readonly run = `written-${randomUUID()}`
  readonly written = { bytes: 0, rows: 0 }
  readonly #store: ChunkStore
  readonly #graph: Graph
  readonly #scopes: ReturnType<typeof keyScopes>

  constructor(store: ChunkStore, graph: Graph) {
    this.#store = store
    this.#graph = graph
    this.#scopes = keyScopes(graph.nodes, graph.edges)
  }

  async write(
    node: GraphNode,
    states: Readonly<Record<string, StateContent>>,
  ): Promise<OperatorSnapshot> {
    const { maxParallelism } = this.#graph.options
    const state = createHeapState(maxParallelism)
    const { keyedIn } = this.#scopes.get(node.id)!
    for (const [name, content] of Object.entries(states)) {
      await fillState(state, content, { operator: node, state: name, keyedIn, maxParallelism })
    }
    const chunks: ChunkRef[] = []
    const snapshots = createStateSnapshots(state, node.name)
    for (snapshots.begin(ROUND, true); !snapshots.encoded; ) {
      for (const { bytes, count } of snapshots.step(Number.POSITIVE_INFINITY)) {
        const ref = refOf(`${this.run}/${node.id}/${chunks.length}`, bytes, count)
        await this.#store.put(ref.id, bytes)
        chunks.push(ref)
        this.written.bytes += ref.bytes
        this.written.rows += ref.count
      }
    }
    return snapshotOf(node, chunks)
  }
}

const snapshotOf = (node: GraphNode, chunks: readonly ChunkRef[]): OperatorSnapshot => ({
  name: node.name,
  kind: node.kind,
  parallelism: 1,
  ...(node.state !== undefined && { version: node.state.version }),
  ...keptBy(node),
  unassigned: null,
  subtasks: [
    {
      phase: 'running',
      chunks,
      splits: [],
      transactions: [],
      flights: [],
      timeMs: null,
      alignmentMs: 0,
    },
  ],
})

function statefulNode({ pipeline, nodes }: Graph, name: string): GraphNode {
  const stateful = nodes.filter(({ traits }) => traits.stateful)
  const found = stateful.find((node) => node.name === name)
  if (found !== undefined) return found
  const what = nodes.some((node) => node.name === name) ? 'keeps no state' : 'is not there'
  const listed = stateful.map((node) => `"${node.name}"`).join(', ')
  throw new MillraceError(
    'E_NO_OPERATOR',
    `writeSavepoint: operator "${name}" of pipeline "${pipeline}" ${what}; with state it has ${listed || 'none'}`,
    { details: { operator: name, pipeline } },
  )
}

const snapshotsThere = (directory: string): MillraceError =>
  new MillraceError(
    'E_SNAPSHOTS_THERE',
    `writeSavepoint: ${directory} holds snapshots already: name a new or an empty directory`,
    { details: { place: directory } },
  )
