/** What the command line refuses on behalf of a cluster, and `dev`, on real processes. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { clusterProcesses } from '../support/cli-cluster.js'
import { command, MILLRACE } from '../support/command.js'

t.setTimeout(400_000)

const COUNT = fileURLToPath(new URL('../e2e/jobs/word-count.js', import.meta.url))

t.test('what cannot run elsewhere is refused by name before anything is sent', async (t) => {
  const cluster = await clusterProcesses(t)
  const packaged = join(cluster.dir, 'node_modules', 'native')
  mkdirSync(packaged, { recursive: true })
  writeFileSync(join(packaged, 'package.json'), '{"name":"native","main":"i.js","gypfile":true}')
  writeFileSync(join(packaged, 'i.js'), 'module.exports = {}')
  const modules = {
    'place.ts': ['export default () => import.meta.url', /place\.ts uses import\.meta\.url/],
    'native.ts': [
      "import n from 'native'\nexport default () => n",
      /needs the native add-on .*i\.js/,
    ],
    'lost.ts': ["import './nowhere.js'\nexport default 1", /lost\.ts:1.*nowhere/],
    'empty.ts': ['export const a = 1', /no default export/],
  } as const
  for (const [name, [text, said]] of Object.entries(modules)) {
    const file = join(cluster.dir, name)
    writeFileSync(file, text)
    t.match(await cluster.run('submit', file), { code: 2, stderr: said }, name)
  }
  const gone = await cluster.run('submit', join(cluster.dir, 'gone.ts'))
  t.match(gone, { code: 2, stderr: /cannot find the job module/ })
  t.notMatch((await cluster.run('list')).stdout, /place|native|lost|gone/)
})

t.test('whoever does not reach the coordinator, or is not let in, is told why', async (t) => {
  const cluster = await clusterProcesses(t)
  const wrong = join(cluster.dir, 'wrong')
  writeFileSync(wrong, 'x'.repeat(40))
  const withSecret = ['--secret-file', wrong]
  t.match(await cluster.run('list', ...withSecret), { code: 2, stderr: /have both .*same secret/ })
  const node = await cluster.run('node', '--join', cluster.url, ...withSecret)
  t.match(node, { code: 2, stderr: /have both .*same secret/ })
  const other = await cluster.run('nodes', '--cluster', 'other')
  t.match(other, { code: 2, stderr: /cluster/ })
  const nobody = await cluster.run('list', '--coordinator', 'ws://127.0.0.1:1')
  t.match(nobody, { code: 2, stderr: /no connection to ws:.*\nIs a coordinator running there/ })
  const http = await cluster.run('list', '--coordinator', 'http://127.0.0.1:1')
  t.match(http, { code: 2, stderr: /expected a URL such as ws:/ })
  const unmade = join(cluster.dir, 'unmade')
  const open = await cluster.run('coordinator', '--listen', '0.0.0.0:0', '--data', unmade)
  t.match(open, { code: 2, stderr: /needs TLS/ })
  t.notOk(existsSync(unmade), 'where it may not listen it leaves nothing behind')
  const alone = cluster.start('node', '--join', 'ws://127.0.0.1:1')
  await alone.errors((text) => text.includes('cannot join'))
  alone.process.kill('SIGINT')
  t.match(await alone.ended, { code: 0, stderr: /ending: no coordinator has it[\s\S]*stopped/ })
  const data = join(cluster.dir, 'data')
  const second = await cluster.run('coordinator', '--listen', ':0', '--data', data)
  t.match(second, { code: 2, stderr: /another coordinator runs on/ })
  const bare = await cluster.run('list', '--secret-file', join(cluster.dir, 'none'))
  t.match(bare, { code: 2, stderr: /cannot read the secret/ })
  t.match(cluster.coordinator.stderr, /refused a connection from 127/)
})

t.test('dev is a cluster in one process, and leaves nothing behind', async (t) => {
  const folder = t.testdir()
  const env = { TMPDIR: folder }
  const dev = command(MILLRACE, ['dev', '--listen', ':0', '--slots', '1'], {
    env,
    deadlineMs: 60_000,
  })
  await dev.errors((text) => text.includes('run something'))
  const url = /node at (ws:\S+)/.exec(dev.stderr)![1]!
  const submitted = await command(MILLRACE, ['submit', COUNT, '--coordinator', url]).ended
  t.match(submitted, { code: 0, stderr: /word-count finished in/ })
  dev.process.kill('SIGINT')
  t.match(await dev.ended, { code: 0 })
  t.same(
    readdirSync(folder).filter((name) => name.startsWith('millrace-dev')),
    [],
  )
})
