/**
 * Runs all test files, or those whose paths contain what is given: `node dist/test/all.js e2e/ tidy`. As
 * `.taprc` says: so many at a time, some of them alone.
 *
 * Each is a process as `node file` makes it, without what tap puts into `NODE_OPTIONS`: hooks that every
 * process and worker thread of a test would load, and a thread then takes three times the processor time
 * to be there.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

interface Settings {
  readonly jobs: number
  /** Files, and folders of such files, that run alone. */
  readonly serial: readonly string[]
  /** Of a file that sets none itself, in seconds. */
  readonly timeout: number
}

const { jobs, serial, timeout } = parse(readFileSync(join(ROOT, '.taprc'), 'utf8')) as Settings

const wanted = process.argv.slice(2)
const files = readdirSync(join(ROOT, 'dist/test'), { recursive: true, encoding: 'utf8' })
  .map((path) => `dist/test/${path.replaceAll('\\', '/')}`)
  .filter((file) => file.endsWith('.test.js') && !file.includes('/fixtures/'))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort()

const isAlone = (file: string) => serial.some((place) => `${file}/`.startsWith(`${place}/`))

t.jobs = jobs
t.setTimeout(0)
t.plan(files.length)
for (const file of files) {
  const options = {
    cwd: ROOT,
    buffered: !isAlone(file),
    timeout: timeout * 1000,
    env: { ...process.env, TAP_TIMEOUT: String(timeout) },
  }
  const bare = ['-u', 'NODE_OPTIONS', process.execPath, '--enable-source-maps']
  t.spawn('env', [...bare, join(ROOT, file)], options, file)
}
