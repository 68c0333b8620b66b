/** `guarantee: 'best-effort'`: single subtasks are replaced beside live neighbours, losses are counted. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type JobSummary, run } from '../../actors/index.js'
import { collect, type Injection, runTest, startTest } from '../../actors/testing/index.js'
import { fromArray, generate, linesFile } from '../../lib/connectors/index.js'
import { keyBy, map, pipeline, scan, shuffle, take } from '../../lib/index.js'

const RECORDS = 20_000
const bestEffort = { guarantee: 'best-effort' } as const
const SEEDS = Array.from({ length: 4 }, (_, i) => i + 1)

/** So that neighbours have to wait for the subtask that is replaced. */
const settings = { inletCredits: 1, floatingCredits: 0 }

/** Three chains of subtasks, each record through all of them. */
const threeChains = (seen: ReturnType<typeof collect<number>>) =>
  pipeline(
    'three',
    (flow) => {
      flow
        .from(
          generate(RECORDS, (i) => i, { splits: 4 }),
          { name: 'numbers' },
        )
        .pipe(
          shuffle(),
          map((i) => i, { name: 'work' }),
          shuffle(),
        )
        .to(seen, { name: 'out' })
    },
    bestEffort,
  )

/** Every record has come out once or is counted as lost. */
function accounted(records: readonly number[], summary: JobSummary | null): string {
  if (summary === null) return 'the job has failed'
  const out = new Set(records).size
  if (out !== records.length) return `${records.length - out} records came twice`
  return out + summary.lost === RECORDS ? 'ok' : `${out} out, ${summary.lost} lost`
}

t.test('wherever a subtask fails, every record comes out once or is counted lost', async (t) => {
  for (const seed of SEEDS) {
    for (const operator of ['numbers', 'work', 'out']) {
      const seen = collect<number>()
      const inject = [{ operator, afterRecords: 1_000 + seed * 700 }]
      const { summary, events } = await runTest(threeChains(seen), {
        seed,
        inject,
        parallelism: 3,
        ...(seed % 2 === 0 ? { settings } : {}),
      })
      t.equal(accounted(seen.records, summary), 'ok', `seed ${seed}, ${operator}`)
      t.equal(summary?.restarts, 1)
      t.ok(summary!.lost > 0)
      const kinds = new Set(events.map(({ kind }) => kind))
      t.ok(kinds.has('SubtaskReplacing') && !kinds.has('RegionRestarting'))
    }
  }
})

t.test('several subtasks may fail at once, and while one is replaced', async (t) => {
  for (const seed of SEEDS) {
    const seen = collect<number>()
    const times = 3
    const inject: Injection[] = [
      { operator: 'numbers', afterRecords: 1_500, times },
      { operator: 'work', afterRecords: 1_000 + seed * 50, times },
      { operator: 'out', afterRecords: 1_200, times },
    ]
    const { summary } = await runTest(threeChains(seen), {
      seed,
      inject,
      parallelism: 3,
      settings,
      supervise: { maxRestarts: 20, restart: { firstMs: seed % 3 } },
    })
    t.equal(accounted(seen.records, summary), 'ok', `seed ${seed}`)
    t.ok(summary!.restarts >= 3, `${summary!.restarts} restarts`)
    t.equal(summary?.guarantee, 'best-effort')
  }
})

/** Counts per key, as they came out. */
const countsByKey = (records: readonly (readonly [number, number])[]) => {
  const counts = new Map<number, number[]>()
  for (const [key, n] of records) counts.set(key, [...(counts.get(key) ?? []), n])
  return counts
}

/** Keys that lost their state in the middle; every other one must have counted all its records. */
function keysThatBeganAnew(counts: Map<number, number[]>, ofEachKey: number): number {
  let anew = 0
  for (const seen of counts.values()) {
    const isWhole = seen.length === ofEachKey && seen.every((n, i) => n === i + 1)
    if (!isWhole) anew++
  }
  return anew
}

t.test('neighbours keep their state, the new subtask begins without any', async (t) => {
  let begunAnew = 0
  for (const seed of SEEDS) {
    const seen = collect<readonly [number, number]>()
    const { summary } = await runTest(
      pipeline(
        'state',
        (flow) => {
          flow
            .from(generate(RECORDS, (i) => i, { splits: 2 }))
            .pipe(
              keyBy((i) => i % 16),
              scan((n) => n + 1, 0, { name: 'counts' }),
            )
            .to(seen)
        },
        bestEffort,
      ),
      { seed, parallelism: 2, settings, inject: [{ operator: 'counts', afterRecords: 9_000 }] },
    )
    t.equal(seen.records.length + summary!.lost, RECORDS)
    const counts = countsByKey(seen.records)
    const anew = keysThatBeganAnew(counts, RECORDS / 16)
    t.ok(anew > 0 && anew < 16, `seed ${seed}: ${anew} keys of 16 began anew`)
    for (const ns of counts.values()) begunAnew += ns.lastIndexOf(1) > 0 ? 1 : 0
  }
  t.ok(begunAnew > 0, `${begunAnew} keys counted from 1 again`)
})

t.test('counts of failures are kept for each subtask, and the limit fails the job', async (t) => {
  const failing = pipeline(
    'limit',
    (flow) => {
      flow
        .from(generate(100_000, (i) => i))
        .pipe(
          shuffle(),
          map((i) => i, { name: 'work' }),
        )
        .to(collect())
    },
    bestEffort,
  )
  const { error, failures } = await runTest(failing, {
    parallelism: 1,
    inject: [{ operator: 'work', afterRecords: 1, times: 99 }],
  })
  t.match(error?.message, /injected.*limit of 3 restarts/)
  t.same(
    failures.map(({ attempt }) => attempt),
    [1, 2, 3, 4],
  )
})

t.test('a neighbour that has finished, or needs no more, hangs nobody', async (t) => {
  for (const seed of SEEDS) {
    for (const operator of ['few', 'many', 'both', 'out']) {
      const seen = collect<number>()
      const outcome = await runTest(
        pipeline(
          'finished',
          (flow) => {
            // A short source, which finishes long before the other.
            const few = flow.from(fromArray([1, 2, 3]), { name: 'few' })
            const many = flow
              .from(
                generate(RECORDS, (i) => i),
                { name: 'many' },
              )
              .pipe(
                shuffle(),
                map((i) => i, { name: 'both' }),
              )
            few.pipe(shuffle()).to(seen)
            many.pipe(shuffle(), take(seed * 900)).to(seen, { name: 'out' })
          },
          bestEffort,
        ),
        {
          seed,
          parallelism: 2,
          inject: [{ operator, afterRecords: operator === 'few' ? 2 : 3_000 }],
        },
      )
      t.equal(outcome.summary?.state, 'Finished', `seed ${seed}, ${operator}`)
    }
  }
})

t.test('cancel and drain end a job whose subtask waits for its replacement', async (t) => {
  for (const how of ['cancel', 'drain'] as const) {
    const seen = collect<number>()
    const test = startTest(
      pipeline(
        how,
        (flow) => {
          flow
            .from(generate(Number.POSITIVE_INFINITY, (i) => i, { perSecond: 1000 }))
            .pipe(
              shuffle(),
              map((i) => i, { name: 'work' }),
            )
            .to(seen)
        },
        bestEffort,
      ),
      { parallelism: 2, inject: [{ operator: 'work', afterRecords: 500 }] },
    )
    await test.advance(520)
    while (!test.job.state.startsWith('R')) await test.advance(1)
    void test.job[how]()
    const { summary } = await test.finish()
    t.equal(summary?.state, how === 'cancel' ? 'Cancelled' : 'Finished')
    t.ok(summary?.partial)
  }
})

t.test('a file sink that was replaced adds to what was written before', async (t) => {
  const file = join(t.testdir(), 'out.txt')
  const { summary } = await runTest(
    pipeline(
      'file',
      (flow) => {
        const lines = flow.from(generate(RECORDS, String, { perSecond: 10_000 }))
        lines.pipe(shuffle()).to(linesFile(file), { name: 'file' })
      },
      bestEffort,
    ),
    { parallelism: 1, inject: [{ operator: 'file', afterRecords: 15_000 }] },
  )
  t.equal(summary?.restarts, 1)
  const written = readFileSync(file, 'utf8').trimEnd().split('\n')
  t.equal(new Set(written).size, written.length, 'nothing twice')
  t.equal(written[0], '0', 'the beginning is still there')
  t.equal(written.at(-1), String(RECORDS - 1))
})

const MODULE = new URL('./best-effort/numbers.js', import.meta.url)

t.test('on two slots: neighbours in both keep their state, losses are counted', async (t) => {
  const records = 50_000
  const job = run(MODULE, {
    slots: 2,
    args: { poison: '10000 25001 40002', records: String(records) },
  })
  const seen: (readonly [number, number])[] = []
  job.results$.subscribe((result) => seen.push(result as readonly [number, number]))
  const summary = await job.done
  t.equal(seen.length + summary.lost, records)
  t.ok(summary.restarts >= 1 && summary.restarts <= 3, `${summary.restarts} restarts`)
  t.equal(summary.guarantee, 'best-effort')
})

t.test('on two slots: any number of failures at both ends hang nobody', async (t) => {
  const poison = Array.from({ length: 40 }, (_, i) => 1_000 + i * 1_200).join(' ')
  const args = { poison, records: '50000', at: 'both' }
  const supervise = { maxRestarts: 100, restart: { firstMs: 1, maxMs: 5 } }
  const job = run(MODULE, { slots: 2, args, supervise, settings })
  let seen = 0
  job.results$.subscribe(() => seen++)
  const summary = await job.done
  t.equal(seen + summary.lost, 50_000)
  t.ok(summary.restarts > 4, `${summary.restarts} restarts`)
})

t.test('a slot that dies restarts its regions whole', async (t) => {
  const flag = join(t.testdir(), 'died')
  const args = { poison: '15000', records: '30000', at: 'exit', flag }
  const job = run(MODULE, { slots: 2, args })
  const kinds = new Set<string>()
  const seen = new Set<string>()
  job.events$.subscribe(({ kind }) => kinds.add(kind))
  job.results$.subscribe((result) => seen.add(String(result)))
  const summary = await job.done
  t.ok(kinds.has('RegionRestarting') && !kinds.has('SubtaskReplacing'))
  t.equal(summary.restarts, 1)
  t.equal(seen.size, 30_000, 'everything was read again')
})

t.test('on two slots: a source goes on behind what it had handed out', async (t) => {
  const records = 50_000
  const args = { poison: '15000 40000', records: String(records), at: 'source' }
  const job = run(MODULE, { slots: 2, args })
  const seen: (readonly [number, number])[] = []
  job.results$.subscribe((result) => seen.push(result as readonly [number, number]))
  const summary = await job.done
  t.equal(seen.length + summary.lost, records)
  t.equal(summary.restarts, 2)
})
