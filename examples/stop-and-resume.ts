/**
 * A job that stops in the middle and goes on where it was: with another parallelism, and with every
 * record counted once. `node dist/examples/stop-and-resume.js`
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyBy, map, pipeline, scan } from 'millrace'
import { run } from 'millrace/actors'
import { generate, partFiles } from 'millrace/connectors'

const folder = mkdtempSync(join(tmpdir(), 'stop-and-resume-'))
const checkpoint = { directory: join(folder, 'state'), interval: '200ms' } as const

const counts = pipeline('counts', (flow) => {
  flow
    .from(generate(20_000, (n) => n, { perSecond: 20_000, splits: 4 }))
    .pipe(
      keyBy((n) => n % 10),
      scan((count) => count + 1, 0, { name: 'counts' }),
      map(([digit, count]) => `${digit} ${count}`),
    )
    // Shown only when the checkpoint behind it is complete.
    .to(partFiles(join(folder, 'out'), { format: (line) => line }))
})

/** Lines of the files that are shown, whatever is still hidden. */
function shown(): string[] {
  const out = join(folder, 'out')
  return readdirSync(out)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => readFileSync(join(out, name), 'utf8').trimEnd().split('\n'))
}

const first = run(counts, { checkpoint })
await new Promise((resolve) => setTimeout(resolve, 500))
await first.stop()
const before = shown().length
console.log(before > 0 && before < 20_000 ? 'stopped in the middle' : `stopped after ${before}`)

const second = run(counts, { checkpoint, restore: 'latest', parallelism: 3 })
await second.done
const lines = shown()
console.log(`${lines.length} lines, ${new Set(lines).size} different ones`)
rmSync(folder, { recursive: true })
