/** Jobs in which a record expands without end while a sink is slow: checkpoints complete all the same. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Job, type RunOptions, run } from '../../actors/index.js'
import { generate, partFiles, type Sink } from '../../lib/connectors/index.js'
import { keyBy, map, mergeMap, pipeline, rebalance, timestamps } from '../../lib/index.js'

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
