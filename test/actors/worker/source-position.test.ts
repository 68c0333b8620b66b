import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { createPositionMapper } from '../../../actors/worker/source-position.js'

/** Line 0 of the code is line 2 of its only source. */
const mapOf = (source: string, sourceRoot?: string) => ({
  version: 3,
  sources: [source],
  names: [],
  mappings: 'AAEA',
  ...(sourceRoot !== undefined && { sourceRoot }),
})

const inline = (map: object): string =>
  `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`

/** Where line 0 of compiled code comes from; `reference`: to its map. */
function positionOf(t: Test, reference: string, files: Record<string, object> = {}): string {
  const dir = t.testdirName
  mkdirSync(join(dir, 'maps'), { recursive: true })
  const code = join(dir, 'job.js')
  writeFileSync(code, `run()\n//# sourceMappingURL=${reference}\n`)
  for (const [name, map] of Object.entries(files)) {
    writeFileSync(join(dir, name), JSON.stringify(map))
  }
  return createPositionMapper()(pathToFileURL(code).href, 0, 0)
}

t.test('a source is found beside the code that has its map inside', async (t) => {
  t.testdir({})
  const position = positionOf(t, inline(mapOf('job.ts')))
  t.equal(position, `${join(t.testdirName, 'job.ts')}:3:1`)
})

t.test('and below the root of its sources, as the bundles of jobs have it', async (t) => {
  t.testdir({})
  const root = 'file:///home/user/project'
  for (const sourceRoot of [root, `${root}/`]) {
    const position = positionOf(t, inline(mapOf('src/job.ts', sourceRoot)))
    t.equal(position, '/home/user/project/src/job.ts:3:1')
  }
  t.equal(
    positionOf(t, inline(mapOf('job.ts', '../src'))),
    `${join(t.testdirName, '../src/job.ts')}:3:1`,
    'which may be relative to the code',
  )
  t.equal(positionOf(t, inline(mapOf('job.ts', ''))), `${join(t.testdirName, 'job.ts')}:3:1`)
  t.equal(positionOf(t, inline(mapOf('file:///else/job.ts', root))), '/else/job.ts:3:1')
})

t.test('a map in a file of its own counts from where that lies', async (t) => {
  t.testdir({})
  const files = { 'maps/job.js.map': mapOf('../src/job.ts') }
  const position = positionOf(t, 'maps/job.js.map', files)
  t.equal(position, `${join(t.testdirName, 'src/job.ts')}:3:1`)
})

t.test('code without a map, or with one that cannot be read, is named itself', async (t) => {
  t.testdir({})
  const itself = `${join(t.testdirName, 'job.js')}:1:1`
  t.equal(positionOf(t, 'missing.js.map'), itself)
  t.equal(positionOf(t, 'data:application/json;base64,e30='), itself)
  t.equal(createPositionMapper()('node:fs', 0, 0), 'node:fs:1:1')
})

t.test('a source that is no file of this machine is named as its map has it', async (t) => {
  t.testdir({})
  const share = 'file://server/share/job.ts'
  t.equal(positionOf(t, inline(mapOf(share))), `${share}:3:1`)
  t.equal(positionOf(t, inline(mapOf('http://[job.ts'))), 'http://[job.ts:3:1')
  t.equal(positionOf(t, inline(mapOf('a%2Fb.ts'))).slice(-13), '/a%2Fb.ts:3:1')
  t.equal(createPositionMapper()(share, 0, 0), `${share}:1:1`)
})
