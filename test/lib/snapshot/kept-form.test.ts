/** Which operator goes on from what another one of its name has kept. */
import t from 'tap'
import { lines, ndjson } from '../../../lib/connectors/index.js'
import type { NodeRole } from '../../../lib/graph/graph.js'
import { lastPerKey, topN } from '../../../lib/index.js'
import { refOf } from '../../../lib/snapshot/chunk-ref.js'
import type { ChunkRef } from '../../../lib/snapshot/chunk-store.js'
import {
  checkKeptForm,
  type KeepingNode,
  keptBy,
  keptForm,
} from '../../../lib/snapshot/kept-form.js'
import type { Manifest, OperatorSnapshot } from '../../../lib/snapshot/manifest.js'
import { createStateSnapshots } from '../../../lib/snapshot/state-rounds.js'
import { createHeapState } from '../../../lib/state/heap-state.js'
import { definitionOf } from '../../support/operator-harness.js'
import { manifestOf, operatorOf, subtaskOf } from '../../support/snapshots.js'

interface Kept {
  readonly entries?: number
  readonly role?: NodeRole
}

const STATELESS_PROCESS = 'process without states'
const STATELESS = ['map', 'filter', 'mergeMap', 'concatMap', STATELESS_PROCESS]
const AGGREGATE_OF = /^windowProcess of (.*)$/

/** `sum`, or `windowProcess of sum`. */
const nodeOf = (what: string, role: NodeRole = 'operator'): KeepingNode => {
  const aggregate = AGGREGATE_OF.exec(what)?.[1]
  return {
    role,
    kind: aggregate !== undefined ? 'windowProcess' : what === STATELESS_PROCESS ? 'process' : what,
    traits: { stateful: !STATELESS.includes(what) },
    settings: aggregate === undefined ? {} : { aggregate },
  }
}

const manifestFor = (keeps: string | null, kind: string, entries: number) => {
  const chunk = { id: 'c', sha256: '0'.repeat(64), bytes: 100, count: entries }
  const operator = { ...operatorOf('totals', subtaskOf(chunk)), kind }
  return manifestOf(7, keeps === null ? operator : { ...operator, keeps })
}

/** Throws where `now` does not go on from what `before` has kept. */
function restore(before: string, now: string, { entries = 3, role }: Kept = {}): void {
  const former = nodeOf(before)
  const manifest = manifestFor(keptForm(former), former.kind, entries)
  checkKeptForm(manifest, manifest.operators[0]!, nodeOf(now, role))
}

const refused = { code: 'E_RESTORE_KIND' }

t.test('each goes on from what its own kind has kept', async (t) => {
  for (const kind of ['sum', 'scan', 'process', 'map', 'windowProcess', 'windowProcess of avg']) {
    t.doesNotThrow(() => restore(kind, kind), kind)
  }
})

t.test('none takes the accumulators or marks of another for its own', async (t) => {
  for (const [before, now] of [
    ['sum', 'avg'],
    ['count', 'sum'],
    ['max', 'min'],
    ['reduce', 'sum'],
    ['aggregate', 'avg'],
    ['distinct', 'firstPerKey'],
    ['scan', 'reduce'],
    ['distinctUntilChanged', 'timeInterval'],
    ['windowProcess of sum', 'windowProcess of avg'],
    ['windowProcess of sum', 'avg'],
    ['sum', 'windowProcess'],
    ['count', 'map'],
    ['mergeMap', 'count'],
  ] as const) {
    t.throws(() => restore(before, now), refused, `${before} → ${now}`)
  }
  t.throws(() => restore('count', 'linesFile', { role: 'sink' }), refused)
})

const by = (n: number) => n
const TWO_FORMS: Readonly<Record<string, readonly [plain: unknown, other: unknown, said: RegExp]>> =
  {
    'the last to come and the last by its rank': [
      lastPerKey(),
      lastPerKey({ by }),
      /lastPerKey by/,
    ],
    'a ranking of records and one of versions': [
      topN(2, { by, emit: 'changes' }),
      topN(2, { by, emit: 'changes', id: by }),
      /topN id/,
    ],
  }

for (const [title, [plain, other, said]] of Object.entries(TWO_FORMS)) {
  t.test(`none is taken for the other: ${title}`, async (t) => {
    const nodes: KeepingNode[] = [plain, other].map((op) => ({
      role: 'operator',
      ...definitionOf(op as never),
    }))
    for (const before of nodes) {
      const manifest = manifestFor(keptForm(before), before.kind, 3)
      const restored = (now: KeepingNode) => checkKeptForm(manifest, manifest.operators[0]!, now)
      for (const now of nodes) {
        if (now === before) t.doesNotThrow(() => restored(now))
        else t.throws(() => restored(now), { ...refused, message: said })
      }
    }
  })
}

const split = { id: '0/1', data: {}, position: 7 }

/** Throws where `now` does not go on from what `before` has kept, of which a subtask says this. */
function goOn(before: KeepingNode, now: KeepingNode, kept: Partial<OperatorSnapshot>): void {
  const operator = {
    ...operatorOf('in', subtaskOf()),
    kind: before.kind,
    ...keptBy(before),
    ...kept,
  }
  checkKeptForm(manifestOf(7, operator), operator, now)
}

t.test('who has renamed a connector is told how its positions are kept', (t) => {
  const way =
    /allow the loss \(--allow-dropped-state\); or, .*of your own.*, leave its kind 'orders'$/
  for (const role of ['source', 'sink'] as const) {
    t.throws(() => restore('orders', 'ordersV2', { role }), { ...refused, message: way }, role)
  }
  t.throws(() => restore('scan', 'distinct'), { message: /--allow-dropped-state\)$/ })
  t.end()
})

t.test('a source goes on from its own positions and those of its like only', async (t) => {
  const unassigned = { concurrent: false, splits: [] }
  for (const kept of [{ unassigned }, { subtasks: [{ ...subtaskOf(), splits: [split] }] }]) {
    const between = (before: string, now: string, role: NodeRole = 'source') =>
      goOn(nodeOf(before, 'source'), nodeOf(now, role), kept)
    t.throws(() => between('generate', 'collection'), refused)
    t.throws(() => between('generate', 'lines'), refused)
    t.throws(() => between('csv', 'lines'), refused, 'that knows its header, too')
    t.throws(() => between('lines', 'map', 'operator'), refused)
    t.doesNotThrow(() => between('generate', 'generate'))
    t.doesNotThrow(() => between('lines', 'ndjson'))
  }
  t.doesNotThrow(() => goOn(nodeOf('generate', 'source'), nodeOf('lines', 'source'), {}))
})

t.test('a place in a file that is followed is none in the ranges of a file', async (t) => {
  const kept = { subtasks: [{ ...subtaskOf(), splits: [split] }] }
  for (const read of [lines, ndjson]) {
    const nodeFrom = (follow: boolean): KeepingNode => ({
      role: 'source',
      traits: { stateful: false },
      ...read('visits.txt', follow ? { follow } : {}),
    })
    for (const follow of [false, true]) {
      t.doesNotThrow(() => goOn(nodeFrom(follow), nodeFrom(follow), kept))
      const { kind } = nodeFrom(follow)
      const [before, now] = follow ? [`${kind} follow`, kind] : [kind, `${kind} follow`]
      t.throws(() => goOn(nodeFrom(follow), nodeFrom(!follow), kept), {
        ...refused,
        message:
          `snapshot 7 has of operator in what ${before} keeps, in this pipeline it is ${now}, which cannot go ` +
          'on from that: give the operator another name and allow the loss (--allow-dropped-state)',
      })
    }
  }
})

t.test('a sink is given the transactions of its own kind and its like only', async (t) => {
  const kept: Partial<OperatorSnapshot> = {
    subtasks: [{ ...subtaskOf(), transactions: [{ path: 'out' }] }],
  }
  const between = (before: string, now: string, role: NodeRole = 'sink', of = kept) =>
    goOn(nodeOf(before, 'sink'), nodeOf(now, role), of)
  t.throws(() => between('partFiles', 'linesFile'), refused)
  t.throws(() => between('linesFile', 'filter', 'operator'), refused)
  t.doesNotThrow(() => between('csvFile', 'ndjsonFile'))
  t.doesNotThrow(() => between('partFiles', 'linesFile', 'sink', { subtasks: [subtaskOf()] }))
})

t.test('a refusal says what was kept, by what, and what to do', async (t) => {
  t.throws(() => restore('windowProcess of sum', 'avg'), {
    message:
      'snapshot 7 has of operator totals what windowProcess of sum keeps, in this pipeline it is avg, which ' +
      'cannot go on from that: give the operator another name and allow the loss (--allow-dropped-state), or make ' +
      'it an aggregate(…) whose functions, or whose upcast, read what was kept',
    details: { operator: 'totals', stored: 'windowProcess', kind: 'avg' },
  })
  t.throws(() => restore('scan', 'take'), { message: /\(--allow-dropped-state\)$/ })
})

t.test('what keeps the same in the same form goes on from it, whatever its kind', async (t) => {
  for (const [before, now] of [
    ['sum', 'aggregate'],
    ['avg', 'reduce'],
    ['topN', 'aggregate'],
    ['lastPerKey', 'reduce'],
    ['reduce', 'aggregate'],
    ['sum', 'windowProcess of sum'],
    ['sum', 'windowProcess of aggregate'],
    ['windowProcess of count', 'count'],
    ['process', 'processWith'],
    ['processWithBroadcast', 'process'],
    ['zip', 'zipWith'],
  ] as const) {
    t.doesNotThrow(() => restore(before, now), `${before} → ${now}`)
  }
})

t.test(
  'a process is one with or without states: what it does not read is named by another check',
  async (t) => {
    t.doesNotThrow(() => restore('process', STATELESS_PROCESS))
    t.doesNotThrow(() => restore(STATELESS_PROCESS, 'processWith'))
    t.throws(() => restore('distinct', STATELESS_PROCESS), refused)
  },
)

t.test(
  'a process and what keeps what functions say go on from each other, as names of states allow',
  async (t) => {
    for (const other of ['scan', 'reduce', 'aggregate']) {
      t.doesNotThrow(() => restore(other, 'process'), `${other} → process`)
      t.doesNotThrow(() => restore('process', other), `process → ${other}`)
    }
    t.doesNotThrow(() => restore('avg', 'processWith'))
    t.throws(
      () => restore('process', 'avg'),
      refused,
      'what it makes of that no function of the user says',
    )
  },
)

t.test('without state of their own, operators go on from each other', async (t) => {
  t.doesNotThrow(() => restore('map', 'filter'))
  t.doesNotThrow(() => restore('mergeMap', 'concatMap'), 'both have records in hand')
})

t.test(
  'where nothing was kept nothing is refused, nor where the snapshot does not say',
  async (t) => {
    t.doesNotThrow(() => restore('sum', 'avg', { entries: 0 }))
    const unsaid = manifestFor(null, 'sum', 3)
    t.doesNotThrow(() => checkKeptForm(unsaid, unsaid.operators[0]!, nodeOf('avg')))
  },
)

t.test(
  'what was cleared is empty in chunks of all there is, not in those that tell of changes',
  async (t) => {
    const manifestAfter = (isWhole: boolean) => {
      const store = createHeapState(8)
      const value = store.value<number>('marks')
      const snapshots = createStateSnapshots(store, 'totals')
      const chunks: ChunkRef[] = []
      const encode = (round: number, whole: boolean) => {
        for (snapshots.begin(round, whole); !snapshots.encoded; ) {
          for (const { bytes, count } of snapshots.step(Number.POSITIVE_INFINITY)) {
            chunks.push(refOf(`c${chunks.length}`, bytes, count))
          }
        }
      }
      value.set(0, 'a', 1)
      encode(1, true)
      snapshots.chain(chunks)
      snapshots.completed(1)
      value.delete(0, 'a')
      if (isWhole) chunks.length = 0
      encode(2, isWhole)
      return manifestOf(7, {
        ...operatorOf('totals', subtaskOf(...chunks)),
        kind: 'process',
        keeps: 'process',
      })
    }
    const restored = (manifest: Manifest) =>
      checkKeptForm(manifest, manifest.operators[0]!, nodeOf('sum'))
    t.doesNotThrow(() => restored(manifestAfter(true)))
    t.throws(() => restored(manifestAfter(false)), refused)
  },
)
