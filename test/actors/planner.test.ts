/** Bundling, loading and planning of job modules, as users write them. */
import { existsSync } from 'node:fs'
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Observable } from 'rxjs'
import t, { type Test } from 'tap'
import { bundleModule } from '../../actors/planner/bundle.js'
import { cacheFolder, prune } from '../../actors/planner/bundle-cache.js'
import { bundleProblem } from '../../actors/planner/bundle-problem.js'
import { assertOutsideJobModule } from '../../actors/planner/evaluating.js'
import { loadModule } from '../../actors/planner/load.js'
import { planModule } from '../../actors/planner/plan-module.js'
import type { ModuleArgs } from '../../actors/planner/protocol.js'
import { MillraceError } from '../../lib/base/errors.js'
import { isPipeline } from '../../lib/flow/pipeline.js'
import { assertSameFingerprint } from '../../lib/graph/same-graph.js'

process.env.MILLRACE_CACHE_DIR = t.testdir()

/** The least that can be composed: nothing of it ever runs. */
const PARTS = `
export const source = { kind: 'numbers', label: 'numbers', bounded: true, replays: true, pauses: true,
  parallelism: 1, concurrentSplits: false, settings: {}, functions: [], splits: async () => [], open() {} }
export const sink = { kind: 'nowhere', label: 'nowhere', guarantee: 'idempotent', parallelism: null,
  settings: {}, functions: [], open() {} }
`
const HEAD = `
import { pipeline, rebalance } from 'millrace'
import { source, sink } from './parts.js'
`
const GOOD = `${HEAD}
export default pipeline('good', (flow) => flow.from(source).pipe(rebalance()).to(sink))
`

interface Folder {
  readonly [name: string]: string | Folder
}

/** A project folder with `job.ts` and what else it needs. */
function project(t: Test, job: string, more: Folder = {}): string {
  return join(t.testdir({ 'job.ts': job, 'parts.js': PARTS, ...more }), 'job.ts')
}

/** The pipeline of a module that exports its findings beside it. */
async function load(path: string, args?: ModuleArgs) {
  return loadModule((await bundleModule(path)).file, args)
}

async function plan(path: string, args: ModuleArgs = {}, timeoutMs = 10_000) {
  return planModule({ file: (await bundleModule(path)).file, args, timeoutMs })
}

/** The error a promise is rejected with. */
async function failure(work: Promise<unknown>): Promise<MillraceError> {
  const thrown = await work.then(
    () => new Error('did not fail'),
    (error: unknown) => error,
  )
  if (!(thrown instanceof MillraceError)) throw thrown
  return thrown
}

t.test('a TypeScript module and its JavaScript parts load as one bundle', async (t) => {
  const bundle = await bundleModule(project(t, GOOD))
  t.equal(basename(bundle.file), `${bundle.sha256}.mjs`)
  t.same(bundle.warnings, [])
  const pipeline = await loadModule(bundle.file)
  t.equal(pipeline.name, 'good')
  t.ok(isPipeline(pipeline), 'it is a pipeline of this very runtime')
  const [source] = pipeline.compose().graph.nodes
  t.match(source!.at, /job\.ts:5:\d+$/, 'places are those of the source file')
})

t.test('the address stays while the code stays, and changes with it', async (t) => {
  const path = project(t, GOOD)
  const [one, two] = await Promise.all([bundleModule(path), bundleModule(pathToFileURL(path))])
  t.equal(one.file, two.file)
  await writeFile(join(path, '../parts.js'), PARTS.replace('numbers', 'letters'))
  const three = await bundleModule(path)
  t.not(three.file, one.file)
  t.ok(existsSync(one.file), 'whoever still needs the old one has it')
})

const FINDINGS = `globalThis.findings`
const findings = () => (globalThis as { findings?: Record<string, unknown> }).findings!

t.test('CommonJS dependencies have require, __filename and __dirname of their own', async (t) => {
  const path = project(
    t,
    `${GOOD}
    import dependency from 'dependency'
    import data from './data.json' with { type: 'json' }
    import { other } from './sub/other.ts'
    import { createRequire } from 'node:module'
    import { fileURLToPath } from 'node:url'
    const require = createRequire(import.meta.url)
    const __filename = fileURLToPath(import.meta.url)
    ${FINDINGS} = { dependency, data, other, url: import.meta.url, folder: import.meta.dirname,
      __filename, os: require('node:os').EOL }
    `,
    {
      'data.json': '{ "answer": 42 }',
      sub: { 'other.ts': '#!/usr/bin/env node\nexport const other: string = import.meta.url' },
      node_modules: {
        dependency: {
          'package.json': '{ "name": "dependency", "version": "1.0.0" }',
          'index.js': `'use strict'
            const { sep } = require('path')
            module.exports = { __dirname, __filename, sep, rxjs: require('rxjs').Observable }`,
        },
      },
    },
  )
  await load(path)
  const folder = join(path, '..')
  const { dependency, ...own } = findings()
  t.same(own, {
    data: { answer: 42 },
    other: pathToFileURL(join(folder, 'sub/other.ts')).href,
    url: pathToFileURL(path).href,
    folder,
    __filename: path,
    os: '\n',
  })
  const home = join(folder, 'node_modules/dependency')
  const expected = { __dirname: home, __filename: join(home, 'index.js'), sep: '/' }
  t.match(dependency, expected)
  t.equal((dependency as { rxjs: unknown }).rxjs, Observable)
})

t.test(
  "there is one instance of rxjs and of millrace, whatever the user's project has",
  async (t) => {
    const alien =
      'export class Observable {}; export const pipeline = () => { throw Error("alien") }'
    const manifest = (name: string) =>
      JSON.stringify({ name, type: 'module', exports: './index.js' })
    const path = project(
      t,
      `${GOOD}
    import { Observable, of } from 'rxjs'
    import { map } from 'rxjs/operators'
    import * as own from 'millrace'
    ${FINDINGS} = { Observable, made: of(1).pipe(map((n) => n)), again: (await import('millrace')) === own,
      MillraceError: own.MillraceError }
    `,
      {
        node_modules: {
          rxjs: { 'package.json': manifest('rxjs'), 'index.js': alien },
          millrace: { 'package.json': manifest('millrace'), 'index.js': alien },
        },
      },
    )
    await load(path)
    t.equal(findings().Observable, Observable)
    t.ok(findings().made instanceof Observable)
    t.equal(findings().MillraceError, MillraceError)
    t.equal(findings().again, true)
  },
)

t.test('native add-ons stay where they are, and so do packages that look for theirs', async (t) => {
  const addOn = { 'package.json': '{ "main": "addon.node" }', 'addon.node': 'not a library' }
  const path = project(
    t,
    `${GOOD}
    import { home } from 'finder'
    const failed = []
    for (const load of [() => require('platform'), () => require('./own.node')]) {
      try { load() } catch (error) { failed.push(String(error.message)) }
    }
    ${FINDINGS} = { home, failed }
    `,
    {
      'own.node': 'not a library',
      node_modules: {
        platform: addOn,
        finder: {
          'package.json': '{ "name": "finder", "dependencies": { "bindings": "1" } }',
          'index.js': 'exports.home = __dirname',
        },
      },
    },
  )
  await load(path)
  const folder = join(path, '..')
  t.equal(findings().home, join(folder, 'node_modules/finder'))
  const failed = findings().failed as string[]
  t.match(failed[0], join(folder, 'node_modules/platform/addon.node'))
  t.match(failed[1], join(folder, 'own.node'))
})

t.test('a function gets the arguments, with what has no name as _', async (t) => {
  const path = project(
    t,
    `${HEAD}
    export default async (args: { _: string[]; city?: string }) =>
      pipeline([args.city, ...args._].join('-'), (flow) => flow.from(source).to(sink))`,
  )
  t.equal((await load(path, { city: 'Oslo', _: ['a', 'b'] })).name, 'Oslo-a-b')
  t.equal((await load(path, { city: 'Rome' })).name, 'Rome')
})

t.test('a CommonJS module may be a job module', async (t) => {
  const parts = PARTS.replaceAll('export const', 'const')
  const job = `const { pipeline } = require('millrace')
    ${parts}
    module.exports = pipeline('common', (flow) => flow.from(source).to(sink))`
  const path = join(t.testdir({ 'job.cjs': job }), 'job.cjs')
  t.equal((await load(path)).name, 'common')
})

t.test('what cannot be bundled is told with file, line, column and the line', async (t) => {
  const bundling = async (job: string, more: Folder = {}) => {
    const { code, message } = await failure(bundleModule(project(t, job, more)))
    return { code, message: message.replaceAll(/\S*job\.ts/g, 'job.ts') }
  }
  t.same(await bundling('const a = 1\nconst  b = = 2\n'), {
    code: 'E_SYNTAX',
    message: 'job.ts:2:12: Unexpected "="\n\n2 │ const  b = = 2\n               ^',
  })
  t.same(await bundling("import './gone.js'"), {
    code: 'E_NO_SUCH_MODULE',
    message: `job.ts:1:8: cannot find "./gone.js": there is no such file\n\n1 │ import './gone.js'\n           ^`,
  })
  t.same(await bundling("import './gone.js'; import.meta.url"), {
    code: 'E_NO_SUCH_MODULE',
    message: `job.ts:1:8: cannot find "./gone.js": there is no such file\n\n1 │ import './gone.js'; import.meta.url\n           ^`,
  })
  t.match(await bundling("\nimport pad from 'left-pad'\npad()"), {
    code: 'E_NO_SUCH_MODULE',
    message:
      /^job\.ts:2:17: cannot find "left-pad": it is not installed here \(npm install left-pad\)/,
  })
  t.match(await bundling("import 'millrace/nothing'"), {
    code: 'E_NO_SUCH_MODULE',
    message: /^job\.ts:1:8: No such entry point: millrace has none named "millrace\/nothing"/,
  })
  t.match(await bundling("import { a } from './parts.js'\nconsole.log(a)"), {
    code: 'E_NO_SUCH_EXPORT',
    message: /^job\.ts:1:10: No matching export in "parts\.js" for import "a"/,
  })
})

t.test('what is no module is told before anything is bundled', async (t) => {
  const folder = t.testdir({ 'words.txt': '', 'empty.ts': {} })
  const code = async (name: string) => (await failure(bundleModule(join(folder, name)))).code
  t.equal(await code('gone.ts'), 'E_NO_SUCH_MODULE')
  t.equal(await code('empty.ts'), 'E_NO_SUCH_MODULE')
  t.equal(await code('words.txt'), 'E_NOT_A_MODULE')
})

t.test('of many problems the first five are shown', async (t) => {
  const messages = Array.from({ length: 7 }, (_, n) => ({ text: `wrong ${n}`, location: null }))
  t.equal(
    bundleProblem(messages).message,
    'wrong 0\n\nwrong 1\n\nwrong 2\n\nwrong 3\n\nwrong 4\n\n… and 2 more',
  )
})

t.test('a module without a pipeline as default export is told what it exports', async (t) => {
  const refusal = async (job: string) => {
    const { code, message } = await failure(load(project(t, job)))
    t.equal(code, 'E_NO_DEFAULT_EXPORT')
    return message.replace(/^\S*job\.ts/, 'job.ts').replace(/: expected .*$/, '')
  }
  t.equal(await refusal('console'), 'job.ts has no default export; it exports nothing')
  t.equal(
    await refusal('export const a = 1, b = 2'),
    'job.ts has no default export; it exports only a, b',
  )
  t.equal(await refusal('export default 7'), 'job.ts exports 7 as default, not a pipeline')
  t.equal(
    await refusal('export default () => new Map()'),
    'job.ts exports a function that returned Map, not a pipeline',
  )
})

t.test("a module that throws is told with the user's own line", async (t) => {
  const thrown = await failure(load(project(t, `${HEAD}\nconst a = null\nexport default a.b`)))
  t.equal(thrown.code, 'E_MODULE_FAILED')
  t.match(thrown.message, /job\.ts failed while it was evaluated: TypeError: Cannot read/)
  t.match(thrown.message, /at \S*job\.ts:6:18$/)
  const named = await failure(load(project(t, "import { no } from 'millrace'\nexport default no")))
  t.equal(named.code, 'E_NO_SUCH_EXPORT')
  t.match(named.message, /imports "no" from 'millrace', which has no such export$/)
  const elsewhere = "import { generate } from 'millrace'\nexport default generate"
  t.match(await failure(load(project(t, elsewhere))), {
    message: /which has no such export: 'millrace\/connectors' has one$/,
  })
  const nowhere = "import { stdout } from 'millrace/connectors'\nexport default stdout"
  t.match(await failure(load(project(t, nowhere))), {
    message: /which has no such export, but .*lines, .*print, /,
  })
})

t.test('run() is refused while a job module is evaluated, and only then', async (t) => {
  const check = `globalThis.mayRun()`
  const state = globalThis as { mayRun?: () => void }
  state.mayRun = assertOutsideJobModule
  const atTop = await failure(load(project(t, `${GOOD}\n${check}`)))
  t.equal(atTop.code, 'E_RUN_IN_JOB_MODULE')
  t.doesNotThrow(assertOutsideJobModule)
  const inside = await failure(load(project(t, `export default () => ${check}`)))
  t.equal(inside.code, 'E_RUN_IN_JOB_MODULE')
  t.doesNotThrow(assertOutsideJobModule)
  const loading = load(project(t, `${GOOD}\nawait null`))
  t.doesNotThrow(assertOutsideJobModule, 'elsewhere, while a module loads')
  await loading
  t.doesNotThrow(assertOutsideJobModule)
})

t.test('a damaged or missing bundle is not run', async (t) => {
  const { file } = await bundleModule(project(t, GOOD))
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace('good', 'evil'))
  t.equal((await failure(loadModule(file))).code, 'E_BUNDLE_DAMAGED')
  t.equal((await failure(loadModule(`${file}.gone`))).code, 'E_BUNDLE_MISSING')
  const again = await bundleModule(join(t.testdirName, 'job.ts'))
  t.equal(again.file, file, 'bundling mends it')
  t.equal((await loadModule(file)).name, 'good')
})

t.test('the cache folder is one that nobody else can write', async (t) => {
  const folder = t.testdir({ file: '' })
  const home = join(folder, 'home')
  t.equal(await cacheFolder({ XDG_CACHE_HOME: home }), join(home, 'millrace'))
  t.equal(await cacheFolder({ HOME: home }), join(home, '.cache/millrace'))
  t.match(await cacheFolder({ HOME: join(folder, 'file/x') }), /millrace-\w+$/)
  const refused = await failure(cacheFolder({ MILLRACE_CACHE_DIR: join(folder, 'file') }))
  t.equal(refused.code, 'E_CACHE_FOLDER')
})

t.test('bundles that nobody has used for a month are pruned', async (t) => {
  const folder = t.testdir({ 'old.mjs': '', 'new.mjs': '', 'mine.txt': '' })
  const now = Date.now()
  const old = new Date(now - 31 * 86_400_000)
  for (const name of ['old.mjs', 'mine.txt']) await utimes(join(folder, name), old, old)
  await prune(folder, now)
  t.same((await readdir(folder)).sort(), ['mine.txt', 'new.mjs'])
})

t.test('planning hands out graph, fingerprint and plan', async (t) => {
  const path = project(t, GOOD)
  const { graph, fingerprint, plan: planned } = await plan(path)
  t.same(
    graph.nodes.map(({ role }) => role),
    ['source', 'partition', 'sink'],
  )
  t.equal(planned.fingerprint, fingerprint)
  t.equal((await load(path)).compose().fingerprint, fingerprint, 'the same in another thread')
})

t.test('planning refuses what cannot run', async (t) => {
  const code = async (job: string) => (await failure(plan(project(t, job)))).code
  t.equal(await code(`${HEAD}\nthrow new Error('no')`), 'E_MODULE_FAILED')
  const ends = await failure(plan(project(t, `${HEAD}\nprocess.exit(0)`)))
  t.match(ends, { code: 'E_MODULE_FAILED', message: /ended its thread .*process\.exit\(0\)/ })
  const waits = await failure(plan(project(t, `${HEAD}\nawait new Promise(() => {})`)))
  t.match(waits, { code: 'E_MODULE_FAILED', message: /something that never happens/ })
  const later = await failure(
    plan(
      project(t, `${HEAD}\nsetTimeout(() => { throw Error('late') }); await new Promise(() => {})`),
    ),
  )
  t.match(later, { code: 'E_MODULE_FAILED', message: /in a callback: Error: late/ })
  t.equal(await code("export default 'text'"), 'E_NO_DEFAULT_EXPORT')
  const noSink = `${HEAD}\nexport default pipeline('x', (flow) => { flow.from(source) })`
  t.match(await code(noSink), /^E_/)
  const many = await failure(
    planModule({ file: (await bundleModule(project(t, GOOD))).file, parallelism: 1000 }),
  )
  t.equal(many.code, 'E_PARALLELISM')
})

t.test('a module that never finishes is given up', async (t) => {
  const path = project(t, `${GOOD}\nfor (;;);`)
  const { code, message } = await failure(plan(path, {}, 300))
  t.equal(code, 'E_PLANNING_TIMEOUT')
  t.match(message, /still being evaluated after 0\.3 s/)
})

t.test('a module that builds another graph each time is refused', async (t) => {
  const named = (name: string) =>
    `${HEAD}\nexport default pipeline('dice', (flow) => flow.from(source, { name: ${name} }).to(sink))`
  const { code, message } = await failure(plan(project(t, named("'a' + Math.random()"))))
  t.equal(code, 'E_DIFFERENT_GRAPH')
  t.match(
    message,
    /'dice' was built differently than it was planned: numbers 'a0\.\d+' \(.*job\.ts:\d+:\d+\) has/,
  )
  t.match(message, /Math\.random\(\), the date, process\.env, threadId/)

  const other = `(await import('node:worker_threads')).threadId`
  const path = project(t, named("'thread-' + id").replace(HEAD, `${HEAD}\nconst id = ${other}`))
  const { graph, fingerprint } = await plan(path)
  const here = (await load(path)).compose()
  t.throws(() => assertSameFingerprint(fingerprint, here, graph), { code: 'E_DIFFERENT_GRAPH' })
  t.throws(() => assertSameFingerprint(fingerprint, here), { code: 'E_DIFFERENT_GRAPH' })
  t.doesNotThrow(() => assertSameFingerprint(here.fingerprint, here))
})
