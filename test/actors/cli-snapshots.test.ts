/** `millrace snapshots` and `millrace state read`: what they understand, say, and change. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { cli } from '../../actors/cli/cli.js'
import { parseCommandLine } from '../../actors/cli/command-line.js'
import { tableText } from '../../actors/cli/table.js'
import { refOf } from '../../lib/snapshot/chunk-ref.js'
import type { ChunkRef } from '../../lib/snapshot/chunk-store.js'
import { openLevelChunkStore } from '../../lib/snapshot/level-chunk-store.js'
import { encodeManifest, type SubtaskSnapshot } from '../../lib/snapshot/manifest.js'
import { chunksOf } from '../../lib/snapshot/manifest-chunks.js'
import { createStateSnapshots } from '../../lib/snapshot/state-rounds.js'
import { createHeapState } from '../../lib/state/heap-state.js'
import { idsOf } from '../conformance/chunk-store.js'
import { FakeWorld } from '../support/cli.js'
import { manifestOf, operatorOf, putSnapshot, subtaskOf } from '../support/snapshots.js'

const ENDLESS = fileURLToPath(new URL('../e2e/jobs/endless.js', import.meta.url))

const WORD_COUNT = fileURLToPath(new URL('../e2e/jobs/word-count.js', import.meta.url))

let directories = 0
const root = t.testdir()
process.env.MILLRACE_CACHE_DIR = join(root, 'cache')
const fresh = () => join(root, `s${directories++}`)

/** Runs a command in this process. */
async function millrace(...argv: readonly string[]) {
  const world = new FakeWorld()
  const code = await cli(argv, world)
  const said = (text: string) => text.replaceAll(root, '')
  return { code, out: said(world.stdout.take()), err: said(world.stderr.take()) }
}

/** Three snapshots: the second builds on the first. */
async function threeSnapshots(): Promise<string> {
  const directory = fresh()
  const store = await openLevelChunkStore(directory)
  const first = await putSnapshot(store, 1, [100_000, 2000])
  await putSnapshot(store, 2, [50, 60], chunksOf(first))
  const subtask: SubtaskSnapshot = {
    ...subtaskOf(refOf('run/2/1/0.0/0/0', new Uint8Array(0), 0)),
    chunks: [],
    splits: [{ id: 'a.csv', data: {}, position: 7 }],
    transactions: ['t1', 't2'],
    alignmentMs: 12,
    phase: 'ended',
  }
  const third = manifestOf(3, operatorOf('orders', subtask), operatorOf('print', subtaskOf()))
  await store.commit(3, encodeManifest({ ...third, durationMs: 2345.6 }))
  await store.close()
  return directory
}

t.test('commands about snapshots are understood with all they can be given', async (t) => {
  const parse = (line: string) => parseCommandLine(line.split(' '), '1')
  const snapshots = {
    kind: 'Snapshots',
    directory: 'dir',
    rounds: [],
    force: false,
    json: false,
    verbose: false,
  }
  t.same(parse('snapshots list dir'), { ...snapshots, action: 'list' })
  t.same(parse('snapshots show --json dir 7'), {
    ...snapshots,
    action: 'show',
    rounds: [7],
    json: true,
  })
  t.same(parse('snapshots diff dir 6 7'), { ...snapshots, action: 'diff', rounds: [6, 7] })
  t.same(parse('snapshots delete dir 7 --force'), {
    ...snapshots,
    action: 'delete',
    rounds: [7],
    force: true,
  })
  t.same(parse('state read dir --operator words --state n --key k --round 3'), {
    kind: 'StateRead',
    directory: 'dir',
    operator: 'words',
    state: 'n',
    key: 'k',
    round: 3,
    json: false,
    verbose: false,
  })
  const wrong: [string, RegExp][] = [
    [
      'snapshots',
      /a command is missing: list, show, verify, diff or delete\nSee millrace snapshots --help/,
    ],
    ['snapshots list', /the directory is missing\nSee millrace snapshots list --help/],
    ['snapshots delete dir', /the round is missing\nSee millrace snapshots delete --help/],
    ['snapshots lst dir', /unknown command 'lst' \(did you mean list\?\)/],
    ['snapshots show dir x', /Expected a whole number/],
    ['snapshots list dir --bad', /^unknown option '--bad'\nSee/],
    ['state', /a command is missing: read\nSee millrace state --help/],
    ['state read dir', /'--operator <name>' not specified\nSee millrace state read --help/],
  ]
  for (const [line, message] of wrong) t.match(parse(line), { kind: 'WrongUsage', message }, line)
  t.match(parse('snapshots show --help'), { kind: 'Show', text: /Usage: millrace snapshots show/ })
})

t.test('list has a line for each snapshot, with what is new in it', async (t) => {
  const directory = await threeSnapshots()
  const { code, out, err } = await millrace('snapshots', 'list', directory)
  t.same({ code, err }, { code: 0, err: '' })
  t.equal(
    out,
    `ROUND  KIND        TAKEN                     TOOK     SIZE    NEW  PIPELINE
    1  checkpoint  2026-01-01 00:00:01 UTC  20 ms  100 KiB         sales
    2  checkpoint  2026-01-01 00:00:02 UTC  20 ms  100 KiB  110 B  sales
    3  checkpoint  2026-01-01 00:00:03 UTC  2.3 s      0 B    0 B  sales
`,
  )
  const json = JSON.parse((await millrace('snapshots', 'list', directory, '--json')).out)
  t.match(json, [{ round: 1, bytes: 102_000, newBytes: null }, { newBytes: 110 }, { round: 3 }])
})

t.test('show says what each operator keeps, and how long it waited', async (t) => {
  const directory = await threeSnapshots()
  const { out } = await millrace('snapshots', 'show', directory)
  t.equal(
    out,
    `checkpoint 3 of pipeline "sales" in /${directory.slice(root.length + 1)}
  taken       2026-01-01 00:00:03 UTC, in 2.3 s, aligned
  size        0 B in 0 chunks
  aligned for 12 ms at most
  key groups  128
  run         run-1

OPERATOR  KIND  SUBTASKS  SIZE  ROWS  ALIGNED FOR  BESIDE
orders    scan         1   0 B     0        12 ms  1 split, 2 transactions, 1 ended
print     scan         1   0 B     0         0 ms
`,
  )
  const second = await millrace('snapshots', 'show', directory, '2')
  t.match(second.out, /size {8}100 KiB in 4 chunks, 110 B of it new since the snapshot before/)
  t.match(second.out, /count {5}scan {9}2 {2}199 KiB {2}204,110 {9}0 ms\n/)
  const json = JSON.parse((await millrace('snapshots', 'show', directory, '--json')).out)
  t.match(json, { round: 3, alignmentMs: 12, operators: [{ transactions: 2 }, {}] })
})

t.test('show says what the barriers of an unaligned round have overtaken', async (t) => {
  const directory = fresh()
  const store = await openLevelChunkStore(directory)
  const bytes = new Uint8Array(3000)
  await store.put('run/1/1/0.0/flights/0', bytes)
  const flight = { ...refOf('run/1/1/0.0/flights/0', bytes, 7), shared: false }
  const subtask = { ...subtaskOf(), flights: [flight] }
  const manifest = { ...manifestOf(1, operatorOf('orders', subtask)), mode: 'unaligned' as const }
  await store.commit(1, encodeManifest(manifest))
  await store.close()
  const { out } = await millrace('snapshots', 'show', directory)
  t.match(out, /taken .*, unaligned\n/)
  t.match(out, /in flight {3}2.9 KiB, overtaken by the barriers\n/)
  t.match(out, /orders .* 2.9 KiB in flight\n/)
  t.match(JSON.parse((await millrace('snapshots', 'show', directory, '--json')).out), {
    inFlightBytes: 3000,
    operators: [{ inFlightBytes: 3000 }],
  })
})

t.test(
  'verify reads every byte, and ends with 1 where one is damaged, which it names',
  async (t) => {
    const directory = await threeSnapshots()
    t.match(await millrace('snapshots', 'verify', directory), {
      code: 0,
      out: /^snapshot 1 is whole: 100 KiB in 2 chunks\nsnapshot 2 is whole.*\nsnapshot 3 is whole/,
    })
    const store = await openLevelChunkStore(directory)
    await store.delete(['run/1/1/0.1/0/0'])
    await store.put('run/1/1/0.1/0/0', new Uint8Array(2000))
    await store.delete(['run/2/1/0.0/0/0'])
    await store.close()
    const { code, out } = await millrace('snapshots', 'verify', directory)
    t.equal(code, 1)
    t.match(
      out,
      /snapshot 1 is DAMAGED:\n {2}chunk run\/1\/1\/0\.1\/0\/0 in \S+ has another SHA-256/,
    )
    t.match(
      out,
      /snapshot 2 is DAMAGED:\n {2}.*0\.1.*another SHA-256.*\n {2}.*run\/2\/1\/0\.0\/0\/0 in \S+ is missing/,
    )
    t.match(out, /snapshot 3 is whole/)
    t.equal((await millrace('snapshots', 'verify', directory, '3')).code, 0)
    const json = JSON.parse((await millrace('snapshots', 'verify', directory, '1', '--json')).out)
    t.match(json, [
      {
        round: 1,
        chunks: 1,
        damage: [{ code: 'E_SNAPSHOT_DAMAGED', details: { chunk: 'run/1/1/0.1/0/0' } }],
      },
    ])
  },
)

t.test('diff tells operators that were kept, are new or were dropped', async (t) => {
  const directory = await threeSnapshots()
  t.equal(
    (await millrace('snapshots', 'diff', directory)).out,
    `snapshot 2 → 3: −100 KiB

OPERATOR           SUBTASKS  SIZE BEFORE  AFTER  DIFFERENCE
orders    new             1                 0 B   same size
print     new             1                 0 B   same size
count     dropped         2      199 KiB           −199 KiB
`,
  )
  t.match(
    (await millrace('snapshots', 'diff', directory, '1', '2')).out,
    /^snapshot 1 → 2: \+110 B\n/,
  )
  const json = JSON.parse((await millrace('snapshots', 'diff', directory, '1', '--json')).out)
  t.match(json, {
    from: 1,
    to: 3,
    operators: [{ name: 'orders', change: 'new', before: null }, {}, {}],
  })
})

t.test('delete keeps what other snapshots need, and refuses the newest', async (t) => {
  const directory = await threeSnapshots()
  t.match(await millrace('snapshots', 'delete', directory, '3'), {
    code: 2,
    err: /snapshot 3 is the newest in .*: without it a job goes on from an older one.*--force/,
  })
  t.match(await millrace('snapshots', 'delete', directory, '9'), {
    code: 2,
    err: /has no snapshot 9; it has 1, 2, 3/,
  })
  t.match(await millrace('snapshots', 'delete', directory, '1'), {
    code: 0,
    out: /^deleted snapshot 1 from /,
  })
  t.match(await millrace('snapshots', 'verify', directory), {
    code: 0,
    out: /^snapshot 2 is whole: 100 KiB in 4/,
  })
  await millrace('snapshots', 'delete', directory, '2')
  t.match(await millrace('snapshots', 'delete', directory, '3', '--force', '--json'), {
    code: 0,
    out: /"deleted": 3/,
  })
  t.match(await millrace('snapshots', 'list', directory), {
    code: 0,
    out: /^There are no snapshots in /,
  })
  const store = await openLevelChunkStore(directory)
  t.same(await idsOf(store), [])
  await store.close()
})

t.test('a directory without snapshots says so, and is left as it was', async (t) => {
  const other = fresh()
  mkdirSync(other)
  writeFileSync(join(other, 'sales.csv'), '')
  const empty = fresh()
  await (await openLevelChunkStore(empty)).close()
  const data = fresh()
  mkdirSync(join(data, 'snapshots'), { recursive: true })
  const cases: [string, RegExp][] = [
    [fresh(), /^millrace: there are no snapshots in .*: there is no such directory\n$/],
    [other, /^millrace: there are no snapshots in .*: it is no snapshot store\n$/],
    [join(other, 'sales.csv'), /^millrace: cannot open the snapshot store .*name a directory\)\n$/],
    [empty, /^millrace: there are no snapshots in .*\n$/],
    [data, /^millrace: .*: it is no snapshot store; of the jobs .* in \S+\/snapshots\n$/],
  ]
  for (const [directory, message] of cases) {
    t.match(await millrace('snapshots', 'show', directory), { code: 2, out: '', err: message })
    t.match(await millrace('state', 'read', directory, '--operator', 'x'), {
      code: 2,
      err: message,
    })
  }
  t.match(await millrace('snapshots', 'list', empty, '--json'), { code: 0, out: '[]\n' })
})

t.test(
  'what a job has open is read by all that only read, and changed by nobody else',
  async (t) => {
    const directory = await snapshotOfState()
    const read = ['state', 'read', directory, '--operator', 'words']
    const closed = await millrace(...read)
    const store = await openLevelChunkStore(directory)
    t.same(await millrace(...read), closed)
    for (const action of ['list', 'show', 'verify']) {
      t.match(await millrace('snapshots', action, directory), { code: 0, err: '' }, action)
    }
    const explained = await millrace('explain', ENDLESS, '--restore', directory)
    t.match(explained, {
      code: 2,
      err: /^millrace: snapshot 1 has state of operators that pipeline/,
    })
    t.match(await millrace('snapshots', 'delete', directory, '1', '--force'), {
      code: 2,
      err: /^millrace: the snapshot store \S+ is in use: a job runs on it, or a command reads it; end that first\n$/,
    })
    t.same(await store.manifests(), [1])
    await store.close()
  },
)

t.test('explain refuses an operator of another kind before anything runs', async (t) => {
  const directory = fresh()
  const store = await openLevelChunkStore(directory)
  const ref = refOf('kept', new Uint8Array([1]), 1)
  await store.put(ref.id, new Uint8Array([1]))
  const kept = { ...operatorOf('words', subtaskOf(ref)), kind: 'sum', keeps: 'sum' }
  await store.commit(1, encodeManifest(manifestOf(1, kept)))
  await store.close()
  t.match(await millrace('explain', WORD_COUNT, '--restore', directory), {
    code: 2,
    err: /^millrace: snapshot 1 has of operator words what sum keeps, in this pipeline it is count, /,
  })
})

t.test('state read shows what an operator keeps, of one key and of all', async (t) => {
  const directory = await snapshotOfState()
  const all = await millrace('state', 'read', directory, '--operator', 'words')
  t.same({ code: all.code, err: all.err }, { code: 0, err: '' })
  const lines = all.out.trim().split('\n')
  t.same(lines.filter((line) => !line.startsWith('bulk')).sort(), [
    'last\t-\t{"at":1}',
    'n\t7\t70',
    'n\tOslo\t2',
    'n\t["a",1]\t5',
    'seen\tOslo\tone → 1',
    'timers\tOslo\tclose at 2026-01-01T00:00:00.000Z',
    'visits\tOslo\t"first\\tone"',
    'visits\tOslo\tsecond',
  ])
  const read = async (...more: string[]) =>
    (await millrace('state', 'read', directory, '--operator', 'words', ...more)).out
  t.equal(await read('--state', 'n', '--key', '7'), 'n\t7\t70\n')
  t.equal(await read('--state', 'n', '--key', '["a",1]'), 'n\t["a",1]\t5\n')
  t.equal(await read('--state', 'n', '--key', 'Rome'), '')
  t.match(JSON.parse(await read('--state', 'n', '--key', 'Oslo', '--json')), {
    state: 'n',
    kind: 'value',
    subtask: 0,
    key: 'Oslo',
    record: 2,
    timeMs: null,
  })
})

t.test('state read says where nothing is kept of a key, and which key is no JSON', async (t) => {
  const directory = await snapshotOfState()
  const read = (...more: string[]) =>
    millrace('state', 'read', directory, '--operator', 'words', ...more)
  t.same(await read('--state', 'n', '--key', 'Rome'), {
    code: 1,
    out: '',
    err: 'millrace: operator "words" keeps nothing of key Rome in its state "n" in snapshot 1\n',
  })
  t.match(await read('--key', '{bad'), {
    code: 1,
    err: /keeps nothing of key \{bad in snapshot 1; it was read as text, because it is no JSON: /,
  })
  t.notMatch((await read('--key', '["b",1]')).err, /JSON/)
})

t.test('state read names what there is where it is asked for something else', async (t) => {
  const directory = await snapshotOfState()
  const read = (...more: string[]) => millrace('state', 'read', directory, ...more)
  t.match(await read('--operator', 'x'), {
    code: 2,
    err: /snapshot 1 has no operator "x"; it has "words"\n/,
  })
  t.match(await read('--operator', 'words', '--state', 'x'), {
    code: 2,
    err: /operator "words" has no state "x" in snapshot 1; it has "n", "bulk", "visits", "seen", "last", "timers"/,
  })
  t.match(await read('--operator', 'words', '--round', '4'), {
    code: 2,
    err: /has no snapshot 4; it has 1/,
  })
})

/** State of every kind, of a full round and one with what has changed. */
async function snapshotOfState(): Promise<string> {
  const directory = fresh()
  const chunkStore = await openLevelChunkStore(directory)
  const state = createHeapState(128)
  const snapshots = createStateSnapshots(state, 'words')
  const n = state.value<number>('n')
  for (let i = 0; i < 500; i++)
    state.value('bulk').set(i % 128, i, 'so that what changes is little')
  n.set(1, 'Oslo', 1)
  n.set(2, 7, 70)
  n.set(3, ['a', 1], 5)
  n.set(4, 'gone', 1)
  state.list<string>('visits').append(1, 'Oslo', 'first\tone')
  state.map<string, number>('seen').set(1, 'Oslo', 'one', 1)
  state.single('last').set({ at: 1 })
  state.timers('timers').register(1, 'Oslo', Date.UTC(2026, 0, 1), 'close')
  let chain: readonly ChunkRef[] = []
  for (const round of [1, 2]) {
    snapshots.begin(round, round === 1)
    const refs: ChunkRef[] = []
    while (!snapshots.encoded) {
      for (const { bytes, count } of snapshots.step(1000)) {
        const id = `run/${round}/${refs.length}`
        await chunkStore.put(id, bytes)
        refs.push(refOf(id, bytes, count))
      }
    }
    chain = snapshots.chain(refs)
    snapshots.completed(round)
    n.set(1, 'Oslo', 2)
    n.delete(4, 'gone')
    state.list<string>('visits').append(1, 'Oslo', 'second')
  }
  await chunkStore.commit(
    1,
    encodeManifest(manifestOf(1, operatorOf('words', subtaskOf(...chain)))),
  )
  await chunkStore.close()
  return directory
}

t.test(
  'a table stands in columns, numbers to the right, with nothing behind the last',
  async (t) => {
    const columns = [{ title: 'A' }, { title: 'N', right: true }, { title: 'B' }]
    t.equal(
      tableText(columns, [
        ['long', '1', ''],
        ['x', '100', 'y'],
      ]),
      'A       N  B\nlong    1\nx     100  y\n',
    )
    t.equal(tableText(columns, []), '')
  },
)
