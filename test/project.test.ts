/** The project as a package: what the manifest, the lock file and the top folder promise. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { projectRoot, readmeBlock } from './support/readme.js'

interface Manifest {
  readonly version: string
  readonly license: string
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly files: readonly string[]
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly allowScripts: Readonly<Record<string, boolean>>
}
interface LockEntry {
  readonly name?: string
  readonly version: string
  readonly resolved?: string
  readonly engines?: Readonly<Record<string, string>>
  readonly hasInstallScript?: boolean
}

const readJson = <T>(path: string): T =>
  JSON.parse(readFileSync(join(projectRoot, path), 'utf8')) as T
const manifest = readJson<Manifest>('package.json')
const lock = readJson<{ packages: Readonly<Record<string, LockEntry>> }>('package-lock.json')

t.test('every dependency is pinned to one version', async (t) => {
  const all = { ...manifest.dependencies, ...manifest.devDependencies }
  const loose = Object.entries(all).filter(
    ([, version]) => !/^(npm:[\w.-]+@)?\d+\.\d+\.\d+$/.test(version),
  )
  t.same(loose, [])
})

t.test('the lock file names no registry', async (t) => {
  const named = Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined)
  t.same(named, [])
})

t.test(
  'the lock file says nothing of the engines of uws-pack, which runs on Node 20',
  async (t) => {
    // npm reads engines from here; left in, `npm ci` warns on Node 20. They come back when the entry
    // is resolved anew: delete the key again.
    const entry = lock.packages['node_modules/uWebSockets.js']
    t.equal(entry?.name, 'uws-pack')
    t.equal(entry?.engines, undefined)
  },
)

t.test('every install script of the lock file is answered, and none runs', async (t) => {
  const scripts = Object.entries(lock.packages)
    .filter(([, entry]) => entry.hasInstallScript === true)
    .map(([path]) => path.replace(/^.*node_modules\//, ''))
  t.same(Object.keys(manifest.allowScripts).sort(), [...new Set(scripts)].sort())
  t.ok(Object.values(manifest.allowScripts).every((allowed) => !allowed))
  const snippet = JSON.parse(`{${readmeBlock('json', 'allowScripts').code}}`) as Manifest
  t.same(snippet.allowScripts, manifest.allowScripts, 'the README shows the same')
})

t.test('every entry point exists once built, with types before code', async (t) => {
  t.same(Object.keys(manifest.exports), [
    '.',
    './actors',
    './connectors',
    './testing',
    './package.json',
  ])
  for (const [name, targets] of Object.entries(manifest.exports)) {
    if (typeof targets === 'string') continue
    t.same(Object.keys(targets), ['types', 'default'], name)
    for (const path of Object.values(targets)) t.ok(existsSync(join(projectRoot, path)), path)
  }
  const main = readFileSync(join(projectRoot, manifest.bin.millrace!), 'utf8')
  t.match(main, /^#!\/usr\/bin\/env node\n/)
})

t.test('the package holds what the entry points and the binary need', async (t) => {
  const packed = (path: string) =>
    manifest.files.some((folder) => path.replace(/^\.\//, '').startsWith(`${folder}/`))
  const needed = Object.values(manifest.exports)
    .flatMap((targets) => (typeof targets === 'string' ? [] : Object.values(targets)))
    .concat(Object.values(manifest.bin))
  t.same(
    needed.filter((path) => !packed(path)),
    [],
  )
  t.same(
    manifest.files.filter((path) => !existsSync(join(projectRoot, path))),
    [],
  )
})

t.test('the top level holds the folders of the house and no other', async (t) => {
  const made = readFileSync(join(projectRoot, '.gitignore'), 'utf8').split('\n')
  const folders = readdirSync(projectRoot, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !made.includes(`${entry.name}/`))
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('.'))
  t.same(folders.sort(), ['actors', 'benchmarks', 'examples', 'lib', 'test'])
})

t.test('licence and change log belong to this version', async (t) => {
  t.equal(manifest.license, 'Apache-2.0')
  t.match(readFileSync(join(projectRoot, 'LICENSE'), 'utf8'), /Apache License\s+Version 2\.0/)
  const changes = readFileSync(join(projectRoot, 'CHANGELOG.md'), 'utf8')
  t.match(changes, `## [${manifest.version}]`)
})
