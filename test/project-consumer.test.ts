/**
 * The package as its users get it: packed, installed into an empty folder from the registry, and used
 * from there. What npm prints is pinned, because the README shows it.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { projectRoot, readmeBlock } from './support/readme.js'

const NODE_MAJOR = Number(process.versions.node.split('.')[0])
/** Codes of npm which say that there is no registry to be reached. */
const UNREACHABLE = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED/
const INSTALL = ['--no-audit', '--no-fund', '--prefer-offline', '--no-package-lock']

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const folder = await mkdtemp(join(tmpdir(), 'millrace-consumer-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const home = join(folder, 'consumer')

/** As a user's shell would run it: nothing of the runner's environment leaks into it. */
function run(command: string, args: readonly string[], cwd = home): Promise<Ran> {
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' }
  for (const name of Object.keys(env)) {
    if (/^(npm_(?!config_(cache|registry|cafile))|NODE_OPTIONS$|TAP|_TAPJS)/i.test(name)) {
      delete env[name]
    }
  }
  return new Promise((resolve) => {
    execFile(command, args, { cwd, env, maxBuffer: 2 ** 24 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr })
    })
  })
}

/** What npm said, without what it says of the machine's own configuration. */
const warnings = ({ stderr }: Ran): string[] =>
  stderr.split('\n').filter((line) => line !== '' && !/Unknown user config "nodedir"/.test(line))

const write = (path: string, text: string) => writeFile(join(home, path), text)

const manifest = (more: object) =>
  JSON.stringify({ name: 'consumer', version: '1.0.0', private: true, type: 'module', ...more })

t.test('the package works for its users as the README says', async (t) => {
  const packed = await run(
    'npm',
    ['pack', '--ignore-scripts', '--json', '--pack-destination', folder],
    projectRoot,
  )
  t.equal(packed.code, 0, packed.stderr)
  const [{ filename, files }] = JSON.parse(packed.stdout) as [
    { filename: string; files: readonly { path: string }[] },
  ]
  const strangers = files
    .map(({ path }) => path)
    .filter(
      (path) =>
        !/^(dist\/(lib|actors)\/|(README|CHANGELOG)\.md$|LICENSE$|package\.json$)/.test(path),
    )
  t.same(strangers, [], 'neither tests nor sources are packed')

  await mkdir(home)
  await write('package.json', manifest({}))
  const tarball = join(folder, filename)
  const first = await run('npm', ['install', tarball, ...INSTALL])
  if (first.code !== 0 && UNREACHABLE.test(first.stderr)) {
    t.pass('the package as installed', { skip: 'the registry cannot be reached' })
    return
  }
  t.equal(first.code, 0, first.stderr)
  const shown = readmeBlock('text', 'EBADENGINE').code.trimEnd().split('\n')
  const npm = (await run('npm', ['--version'])).stdout.trim()
  const engine = /EBADENGINE/
  const scripts = /install-scripts/
  // Which version npm chooses of what a dependency depends on changes from day to day.
  const versions = (line: string) =>
    line
      .replace(/node: 'v[\d.]+', npm: '[\d.]+'/, 'this Node')
      .replace(/(install-scripts +[\w-]+)@[\d.]+/, '$1')
  const expected = (which: RegExp) => shown.filter((line) => which.test(line)).map(versions)
  const said = (ran: Ran, which: RegExp) =>
    warnings(ran)
      .filter((line) => which.test(line))
      .map(versions)

  t.same(said(first, engine), NODE_MAJOR < 22 ? expected(engine) : [], 'the engine warning')
  if (/^11\.(19|[2-9]\d)\./.test(npm)) {
    t.same(said(first, scripts).sort(), expected(scripts).sort(), 'the warning of install scripts')
  } else t.comment(`npm ${npm} may not know of install scripts`)
  t.same(
    warnings(first).filter((line) => !engine.test(line) && !scripts.test(line)),
    [],
  )

  const installed = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as object
  const snippet = JSON.parse(`{${readmeBlock('json', 'allowScripts').code}}`) as object
  await write('package.json', JSON.stringify({ ...installed, ...snippet }))
  const second = await run('npm', ['install', ...INSTALL])
  t.equal(second.code, 0, second.stderr)
  t.same(
    warnings(second).filter((line) => !engine.test(line)),
    [],
    'with the snippet no install script is left to decide about',
  )

  await t.test('every entry point is imported, and required where Node allows it', async (t) => {
    const entries = ['millrace', 'millrace/actors', 'millrace/connectors', 'millrace/testing']
    const names = ['pipeline', 'run', 'lines', 'runTest']
    await write(
      'import.js',
      entries.map((entry, i) => `import { ${names[i]} } from '${entry}'`).join('\n'),
    )
    await write(
      'require.cjs',
      entries.map((entry, i) => `if (!require('${entry}').${names[i]}) process.exit(1)`).join('\n'),
    )
    for (const script of ['import.js', 'require.cjs']) {
      const ran = await run(process.execPath, [script])
      t.same(ran, { code: 0, stdout: '', stderr: '' }, script)
    }
  })

  await t.test('types resolve from TypeScript', async (t) => {
    await write(
      'typed.ts',
      `import { count, keyBy, pipeline, type Pipeline } from 'millrace'
import { type Job, run } from 'millrace/actors'
import { collection, results } from 'millrace/connectors'
import { runTest } from 'millrace/testing'
export const typed: Pipeline = pipeline('typed', (flow) => {
  flow.from(collection(['a', 'b'])).pipe(keyBy((word) => word), count()).to(results())
})
export const job: Job = run(typed)
export const outcome = await runTest(typed)
`,
    )
    const tsc = join(projectRoot, 'node_modules/typescript/bin/tsc')
    const flags = '--strict --noEmit --skipLibCheck --target es2022 --module nodenext'.split(' ')
    const ran = await run(process.execPath, [tsc, ...flags, 'typed.ts'])
    t.same(ran, { code: 0, stdout: '', stderr: '' })
  })

  await t.test('the binary runs a module with a CommonJS dependency of its own', async (t) => {
    const { version } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8')) as {
      version: string
    }
    t.equal((await run('npx', ['millrace', '--version'])).stdout.trim(), version)
    await write('shout.cjs', `exports.shout = (text) => text.toUpperCase() + '!'\n`)
    await write(
      'shouting.ts',
      `import { map, pipeline } from 'millrace'
import { collection, print } from 'millrace/connectors'
import { shout } from './shout.cjs'
const words: readonly string[] = ['to', 'be']
export default pipeline('shouting', (flow) => {
  flow.from(collection(words)).pipe(map((word) => shout(word) as string)).to(print())
})
`,
    )
    const ran = await run('npx', ['millrace', 'run', '--quiet', 'shouting.ts'])
    t.same([ran.code, ran.stdout], [0, 'TO!\nBE!\n'], ran.stderr)
  })
})
