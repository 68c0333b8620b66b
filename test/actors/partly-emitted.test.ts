/** Jobs in which a record expands without end while a sink is slow: checkpoints complete all the same. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Job, type RunOptions, run } from '../../actors/index.js'
import { generate, partFiles, type Sink } from '../../lib/connectors/index.js'
import {
  count,
  filter,
  keyBy,
  map,
  mergeMap,
  pipeline,
  rebalance,
  timestamps,
  tumbling,
  window,
} from '../../lib/index.js'

t.setTimeout(180_000)

const RECORDS = 6
const RESULTS = 9_000

function* numbered(n: number, results: number) {
  for (let i = 0; i < results; i++) yield `${n} ${i}`
}

/** Takes one batch, and is full until the thread has nothing else to do. */
function slow(sink: Sink<string>): Sink<string> {
  return {
    ...sink,
    open(context) {
      const writer = sink.open(context)
      const write = writer.write.bind(writer)
      writer.write = (records) => {
        if (write(records)) setImmediate(() => context.wake())
        return false
      }
      return writer
    },
  }
}

interface Shape {
  readonly results: number
  readonly parallelism: number
  readonly out: string
}

const shapes = {
  'in one chain with the sink': ({ results, out }: Shape) =>
    pipeline('expanding', (flow) => {
      flow
        .from(generate(RECORDS, (n) => n, { splits: 1 }))
        .pipe(
          timestamps((n) => n),
          map((n) => n),
          mergeMap((n) => numbered(n, results), { name: 'expand' }),
          mergeMap((line) => [line], { name: 'again' }),
        )
        .to(slow(partFiles(out, { format: (line) => line })), { name: 'parts' })
    }),
  'before an exchange': ({ results, parallelism, out }: Shape) =>
    pipeline('expanding', (flow) => {
      flow
        .from(generate(RECORDS, (n) => n, { splits: 1 }))
        .pipe(
          rebalance(),
          mergeMap((n) => numbered(n, results), { name: 'expand', parallelism }),
          rebalance(),
        )
        .to(slow(partFiles(out, { format: (line) => line })), { name: 'parts' })
    }),
  'behind keyBy': ({ results, parallelism, out }: Shape) =>
    pipeline('expanding', (flow) => {
      flow
        .from(generate(RECORDS, (n) => n, { splits: 1 }))
        .pipe(
          keyBy((n) => n),
          mergeMap((n) => numbered(n, results), { name: 'expand', parallelism }),
          rebalance(),
        )
        .to(slow(partFiles(out, { format: (line) => line })), { name: 'parts' })
    }),
}

async function completed(job: Job, snapshots: number): Promise<void> {
  let left = snapshots
  await new Promise<void>((resolve, reject) => {
    job.done.then(() => reject(new Error('it ended too early')), reject)
    job.events$.subscribe(({ kind }) => {
      if (kind === 'SnapshotCompleted' && --left === 0) resolve()
    })
  })
}

function linesIn(t: Test, out: string): string[] {
  const names = readdirSync(out).filter((name) => !name.startsWith('.'))
  t.ok(names.length > 0)
  return names.flatMap((name) => readFileSync(join(out, name), 'utf8').split('\n').slice(0, -1))
}

for (const [where, shape] of Object.entries(shapes)) {
  for (const how of ['unaligned', 'unaligned after a time']) {
    const here = `${where}, ${how}`
    t.test(`checkpoints complete while a record expands without end: ${here}`, async (t) => {
      const dir = t.testdir({})
      const out = join(dir, 'out')
      const checkpoint = { directory: join(dir, 'state'), interval: 30 }
      const options: RunOptions = {
        state: where === 'behind keyBy' ? 'level' : 'heap',
        checkpoint:
          how === 'unaligned'
            ? { ...checkpoint, mode: how }
            : { ...checkpoint, alignmentTimeout: '20ms' },
      }
      const endless = run(
        shape({ results: Number.POSITIVE_INFINITY, parallelism: 2, out }),
        options,
      )
      await completed(endless, 2)
      await endless.cancel()
      await endless.done.catch(() => {})
      // It turns out to have an end, and begins with what was told before.
      for (const [parallelism, results] of [
        [3, Number.POSITIVE_INFINITY],
        [1, RESULTS],
      ] as const) {
        const job = run(shape({ results, parallelism, out }), { ...options, restore: 'latest' })
        if (results !== RESULTS) {
          await completed(job, 2)
          await job.cancel()
          await job.done.catch(() => {})
        } else await job.done
      }
      const lines = linesIn(t, out)
      t.equal(new Set(lines).size, lines.length, 'nothing twice')
      const rest = lines.filter((line) => Number(line.split(' ')[1]) < RESULTS)
      t.equal(rest.length, RECORDS * RESULTS, 'nothing is missing')
    })
  }
}

type Flow = Parameters<Parameters<typeof pipeline>[1]>[0]

const endlessly = (flow: Flow) =>
  flow.from(generate(RECORDS, (n) => n, { splits: 1 })).pipe(
    mergeMap(
      function* () {
        for (let i = 0; ; i++) yield i
      },
      { name: 'expand' },
    ),
  )

for (const [how, absorbed] of Object.entries({
  'by a filter': (flow: Flow) => endlessly(flow).pipe(filter((i) => i < 0)),
  'by an expansion': (flow: Flow) =>
    endlessly(flow).pipe(mergeMap((i) => (i < 0 ? [i] : []), { name: 'again' })),
  'by an aggregate': (flow: Flow) => endlessly(flow).pipe(count({ name: 'counts' })),
})) {
  t.test(
    `an endless expansion that is absorbed ${how} lets checkpoints and orders in`,
    async (t) => {
      const dir = t.testdir({})
      const absorbing = pipeline('absorbing', (flow) => {
        absorbed(flow).to(partFiles(join(dir, 'out'), { format: (i) => `${i}` }), { name: 'parts' })
      })
      const checkpoint = { directory: join(dir, 'state'), interval: 30, mode: 'unaligned' } as const
      for (const restore of [undefined, 'latest'] as const) {
        const job = run(absorbing, { checkpoint, ...(restore && { restore }) })
        await completed(job, 2)
        await job.cancel()
        await job.done.catch(() => {})
        t.pass(restore === undefined ? 'from the beginning' : 'from a checkpoint')
      }
    },
  )
}

/** Two splits, one far ahead of the other, of whose first record so many results are given. */
const skewed = (results: number, out: string) =>
  pipeline('skewed', (flow) => {
    let seen = 0
    flow
      .from(
        generate(20_000, (n) => n, { splits: 2, perSecond: 1_000_000 }),
        { parallelism: 1 },
      )
      .pipe(
        mergeMap(
          function* (n: number) {
            for (let i = 0; i < (n === 1 ? results : 1); i++) yield n
          },
          { name: 'expand', parallelism: 1 },
        ),
        timestamps((n) => (n % 2 === 0 ? n : 10_000_000 + n), { name: 'times', parallelism: 1 }),
        rebalance(),
        map(
          (n) => {
            if (results > 1 && ++seen % 512 === 0) Atomics.wait(nobody, 0, 0, 1)
            return n
          },
          { name: 'slow', chain: false, parallelism: 1 },
        ),
        filter((n) => n % 2 === 0),
        keyBy(() => 'all'),
        window(tumbling('1s')),
        count({ name: 'counts' }),
        map(({ value }) => `${value}`),
      )
      .to(partFiles(out, { format: (line) => line }), { name: 'parts' })
  })
const nobody = new Int32Array(new SharedArrayBuffer(4))

t.test('what was held of one split makes no record of another one late', async (t) => {
  const dir = t.testdir({})
  const out = join(dir, 'out')
  const checkpoint = { directory: join(dir, 'state'), interval: 30, mode: 'unaligned' } as const
  const endless = run(skewed(Number.POSITIVE_INFINITY, out), { checkpoint })
  await completed(endless, 2)
  await endless.cancel()
  await endless.done.catch(() => {})
  await run(skewed(1, out), { checkpoint, restore: 'latest' }).done
  const counted = linesIn(t, out).reduce((sum, line) => sum + Number(line), 0)
  t.equal(counted, 10_000, 'all of the split that is behind')
})
