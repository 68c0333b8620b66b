/** DESIGN "Damage": a job whose newest snapshot is damaged falls back, or stops and says what it needs. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Job, type RunOptions, run } from '../../actors/index.js'
import { generate, linesFile, partFiles, type Sink } from '../../lib/connectors/index.js'
import { keyBy, map, pipeline, scan } from '../../lib/index.js'
import { openLevelChunkStore } from '../../lib/snapshot/level-chunk-store.js'
import { chunksOf } from '../../lib/snapshot/manifest-chunks.js'
import { readManifest } from '../../lib/snapshot/verify.js'

const RECORDS = 3_000
const KEYS = 7
const dir = t.testdir({})

/** A running number for each key, so that what is lost, comes twice, or begins anew is seen. */
const counted = (sink: Sink<never>, perSecond: number) =>
  pipeline('counted', (flow) => {
    flow
      .from(generate(RECORDS, (n) => n, { perSecond, splits: 1 }))
      .pipe(
        keyBy((n) => n % KEYS),
        scan((count: number) => count + 1, 0, { name: 'counts' }),
        map(([key, count]) => `${key} ${count}`),
      )
      .to(sink as Sink<unknown> as Sink<string>)
  })

const EXPECTED = Array.from(
  { length: RECORDS },
  (_, n) => `${n % KEYS} ${Math.floor(n / KEYS) + 1}`,
)

/** Takes some checkpoints, ends, and loses state of the newest `lost` ones. */
async function damagedStore(name: string, sink: Sink<never>, lost: number) {
  const directory = join(dir, name)
  const job = run(counted(sink, 500), {
    checkpoint: { directory, interval: 10, incremental: false },
  })
  await completed(job, 5)
  await job.cancel()
  await job.done.catch(() => {})
  const store = await openLevelChunkStore(directory)
  const numbers = await store.manifests()
  for (const number of numbers.slice(-lost)) {
    const [chunk] = chunksOf(await readManifest(store, number))
    await store.delete([chunk!.id])
  }
  await store.close()
  const goOn = (more: Partial<RunOptions>) =>
    run(counted(sink, 40_000), { checkpoint: { directory }, restore: 'latest', ...more })
  return { numbers, goOn }
}

t.test('a sink that takes back what it wrote: it falls back by itself, and says so', async (t) => {
  const file = join(dir, 'out.txt')
  const { numbers, goOn } = await damagedStore('idempotent', linesFile(file) as Sink<never>, 1)
  const job = goOn({})
  const warnings: string[] = []
  job.events$.subscribe((event) => {
    if (event.kind === 'Log' && event.level === 'warn') warnings.push(event.message)
  })
  await job.done
  t.match(
    warnings.join(),
    new RegExp(`snapshot ${numbers.at(-1)} is damaged and was passed over: chunk`),
  )
  t.strictSame(
    readFileSync(file, 'utf8').trim().split('\n'),
    EXPECTED,
    'nothing lost, nothing twice',
  )
})

t.test('a sink that does not: the job stops until the duplicates are accepted', async (t) => {
  const sink = partFiles<string>(join(dir, 'parts')) as Sink<never>
  const { numbers, goOn } = await damagedStore('exactly-once', sink, 1)
  const [whole, newest] = numbers.slice(-2)
  await t.rejects(goOn({}).done, {
    code: 'E_SNAPSHOT_DAMAGED',
    message: new RegExp(
      `snapshot ${newest} is damaged: chunk \\S+ in .* is missing.*what round ${newest} committed .* would come ` +
        `twice.*--restore ${whole} --accept-duplicates`,
    ),
  })
  await t.rejects(goOn({ restore: whole! }).done, { code: 'E_RESTORE_DUPLICATES' })
  await t.rejects(goOn({ restore: newest! }).done, { code: 'E_SNAPSHOT_DAMAGED' })
  t.match(await goOn({ acceptDuplicates: true }).done, { state: 'Finished' })
})

t.test('where no snapshot is whole it never begins at the beginning', async (t) => {
  const sink = linesFile(join(dir, 'never.txt')) as Sink<never>
  const { goOn } = await damagedStore('none-whole', sink, 3)
  await t.rejects(goOn({ acceptDuplicates: true }).done, {
    code: 'E_SNAPSHOT_DAMAGED',
    message: /^no snapshot in .* is whole: .*to begin without state, name an empty directory/,
  })
})

async function completed(job: Job, snapshots: number): Promise<void> {
  let left = snapshots
  await new Promise<void>((resolve, reject) => {
    job.done.then(() => reject(new Error('it ended too early')), reject)
    job.events$.subscribe(({ kind }) => {
      if (kind === 'SnapshotCompleted' && --left === 0) resolve()
    })
  })
}
