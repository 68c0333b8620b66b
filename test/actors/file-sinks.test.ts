/**
 * Jobs with snapshots that write files: failed, restarted, cancelled and gone on with, they write what
 * a run without trouble writes.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Job, run } from '../../actors/index.js'
import {
  csvFile,
  generate,
  linesFile,
  ndjsonFile,
  partFiles,
  type Sink,
} from '../../lib/connectors/index.js'
import { keyBy, map, pipeline, scan } from '../../lib/index.js'

const RECORDS = 3_000

/** Fails once at each of these records. */
function counting(sink: Sink<never>, faults: number[], perSecond: number) {
  return pipeline('files', (flow) => {
    flow
      .from(generate(RECORDS, (n) => n, { perSecond, splits: 1 }))
      .pipe(
        map((n) => {
          if (n === faults[0]) {
            faults.shift()
            throw new Error('a fault on purpose')
          }
          return n
        }),
        keyBy((n) => n % 10),
        scan((sum: number, n) => sum + n, 0, { name: 'sums' }),
        map(([key, sum]) => ({ key, sum })),
      )
      .to(sink as Sink<unknown> as Sink<object>)
  })
}

function expected(): readonly { key: number; sum: number }[] {
  const sums = new Map<number, number>()
  return Array.from({ length: RECORDS }, (_, n) => {
    const sum = (sums.get(n % 10) ?? 0) + n
    sums.set(n % 10, sum)
    return { key: n % 10, sum }
  })
}

const linesOf = (text: string) => text.split('\n').slice(0, -1)

async function completed(job: Job, snapshots: number): Promise<void> {
  let left = snapshots
  await new Promise<void>((resolve, reject) => {
    job.done.then(() => reject(new Error('it ended too early')), reject)
    job.events$.subscribe(({ kind }) => {
      if (kind === 'SnapshotCompleted' && --left === 0) resolve()
    })
  })
}

t.test('what is in a plain file after failures and restarts is what was sent, once', async (t) => {
  const dir = t.testdir({})
  const want = expected()
  const format = (row: object) => JSON.stringify(row)
  for (const [name, make, wanted] of [
    ['lines', (path: string) => linesFile(path, { format }), want.map(format)],
    ['ndjson', (path: string) => ndjsonFile(path), want.map((row) => JSON.stringify(row))],
    [
      'csv',
      (path: string) => csvFile(path),
      ['key,sum', ...want.map(({ key, sum }) => `${key},${sum}`)],
    ],
  ] as const) {
    const path = join(dir, name)
    const sink = make(path) as Sink<never>
    const directory = join(dir, `${name}-snapshots`)
    const options = { checkpoint: { directory, interval: 10 }, supervise: { maxRestarts: 10 } }
    const faults = [400, 900, 901]
    const first = run(counting(sink, faults, 4_000), options)
    await completed(first, 4)
    await first.cancel()
    await first.done.catch(() => {})
    const second = run(counting(sink, [...faults, 1_700], 20_000), {
      ...options,
      restore: 'latest',
    })
    const { restarts } = await second.done
    t.ok(restarts > 0, `${name}: there were failures`)
    t.strictSame(linesOf(readFileSync(path, 'utf8')), wanted, name)
  }
})

t.test('part files show each record once, in order, and leave nothing else behind', async (t) => {
  const dir = t.testdir({})
  const parts = join(dir, 'parts')
  const sink = partFiles<object>(parts, { roll: { records: 200 } }) as Sink<never>
  const options = {
    checkpoint: { directory: join(dir, 'snapshots'), interval: 10 },
    supervise: { maxRestarts: 10 },
  }
  const shown = () =>
    readdirSync(parts)
      .filter((name) => !name.startsWith('.'))
      .sort()
      .flatMap((name) => linesOf(readFileSync(join(parts, name), 'utf8')))
  const wanted = expected().map((row) => JSON.stringify(row))
  const first = run(counting(sink, [400, 900, 901], 4_000), options)
  await completed(first, 4)
  t.strictSame(shown(), wanted.slice(0, shown().length), 'what is shown early is never taken back')
  await first.cancel()
  await first.done.catch(() => {})
  const second = run(counting(sink, [1_000, 1_700], 20_000), { ...options, restore: 'latest' })
  await second.done
  t.strictSame(shown(), wanted)
  t.same(
    readdirSync(parts).filter((name) => name.startsWith('.')),
    [],
  )
})
