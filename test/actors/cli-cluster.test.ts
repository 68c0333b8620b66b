/** A cluster of processes on loopback, looked after by the command line as people do. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { judgeOutput } from '../e2e/accounting.js'
import { clusterProcesses } from '../support/cli-cluster.js'
import { command, MILLRACE } from '../support/command.js'

t.setTimeout(240_000)

const job = (name: string) => fileURLToPath(new URL(`../e2e/jobs/${name}.js`, import.meta.url))
const [ENDLESS, ACCOUNTING, COUNT] = [job('endless'), job('accounting'), job('word-count')]
const SLOWLY = ['--arg', 'perSecond=500', '--checkpoint-interval', '200ms']

t.test('a job over two nodes: submitted, listed, moved, saved, stopped', async (t) => {
  const cluster = await clusterProcesses(t)
  await cluster.node('a', '--slots', '2', '--label', 'zone=north')
  await cluster.node('b', '--slots', '2')
  const submitted = await cluster.run(
    'submit',
    ENDLESS,
    '--detach',
    '--parallelism',
    '2',
    ...SLOWLY,
  )
  t.equal(submitted.code, 0, submitted.stderr)
  const id = submitted.stdout.trim()
  t.match(id, /^endless-[0-9a-f]{8}$/)

  const events = cluster.start('events', id)
  await events.output((text) => /→ Running/.test(text))
  const placed = await cluster.run('placement', 'endless', '--json')
  const nodes = JSON.parse(placed.stdout).map(({ node }: { node: string }) => node)
  t.same(nodes.sort(), ['a', 'b'], 'spread over both')
  t.match((await cluster.run('list')).stdout, /JOB .*STATE .*\nendless-\w+ +Running +2 +0 /)
  t.match((await cluster.run('nodes')).stdout, /a +1\/2 +ready +zone=north/)

  const rescaled = await cluster.run('rescale', id, '3')
  t.equal(rescaled.code, 0, rescaled.stderr)
  t.match(rescaled.stderr, /runs on 3 slots/)
  const savepoint = await cluster.run('savepoint', id, join(cluster.dir, 'mine'))
  t.match(savepoint, { code: 0, stderr: /to go on from it: millrace submit … --restore / })
  const stopped = await cluster.run('stop', id)
  t.match(stopped, { code: 0, stderr: /has stopped behind checkpoint \d+/ })
  t.match(await events.ended, { code: 0 }, 'whoever followed it has heard of its end')
  t.match(await cluster.run('cancel', id), { code: 2, stderr: /has ended \(Cancelled\)/ })
  t.match(await cluster.run('cancel', 'nothing'), { code: 2, stderr: /there is no job "nothing"/ })
})

t.test('whoever waits is told for what, and Ctrl-C leaves the job running', async (t) => {
  const cluster = await clusterProcesses(t)
  const submit = cluster.start('submit', ENDLESS, '--label', 'zone=north', ...SLOWLY)
  await submit.errors((text) => /waits for a place: .*node/.test(text))
  await cluster.node('a', '--slots', '1', '--label', 'zone=north')
  await submit.errors((text) => /running: 1 slot on a/.test(text))
  submit.process.kill('SIGINT')
  const { code, stderr } = await submit.ended
  t.equal(code, 130)
  const id = /millrace cancel (\S+)/.exec(stderr)![1]!
  t.match((await cluster.run('list', '--json')).stdout, /"state": "Running"/)
  t.match(await cluster.run('cancel', id), { code: 0, stderr: /has ended/ })
})

t.test('a node that is told to go moves its work, and each record counts once', async (t) => {
  const cluster = await clusterProcesses(t)
  const first = await cluster.node('a', '--slots', '1')
  const rows = 4000
  const args = { out: join(cluster.dir, 'out'), rows, perSecond: 1000, name: 'n', keyGroups: 128 }
  const given = Object.entries(args).flatMap(([name, value]) => ['--arg', `${name}=${value}`])
  const submit = cluster.start('submit', ACCOUNTING, ...given, '--checkpoint-interval', '200ms')
  await submit.errors((text) => /running: 1 slot on a/.test(text))
  await cluster.node('b', '--slots', '1')
  first.process.kill('SIGTERM')
  t.match(await first.ended, { code: 0, stderr: /leaving: [\s\S]*stopped/ })
  const { code, stderr } = await submit.ended
  t.equal(code, 0, stderr)
  t.equal(await judgeOutput(cluster.dir, rows), null)
  t.match((await cluster.run('nodes')).stdout, /^b /m)
})

t.test(
  'a coordinator that is stopped goes on with its jobs when it is started again',
  async (t) => {
    const cluster = await clusterProcesses(t)
    const node = await cluster.node('a', '--slots', '1')
    const { stdout } = await cluster.run('submit', ENDLESS, '--detach', ...SLOWLY)
    const events = cluster.start('events', stdout.trim())
    await events.output((text) => /checkpoint \d+:/.test(text))
    cluster.coordinator.process.kill('SIGTERM')
    t.match(await cluster.coordinator.ended, { code: 0, stderr: /stopping: [\s\S]*stopped/ })
    await node.errors((text) => text.includes('lost the coordinator'))
    const address = new URL(cluster.url).host
    const again = cluster.start(
      'coordinator',
      '--listen',
      address,
      '--data',
      join(cluster.dir, 'data'),
    )
    await again.errors((text) => text.includes(`job ${stdout.trim()} goes on`))
    node.process.kill('SIGTERM')
    t.match(await node.ended, { code: 0 })
  },
)

t.test('evacuating the only node leaves it empty, and the job waits', async (t) => {
  const cluster = await clusterProcesses(t)
  await cluster.node('a', '--slots', '1')
  const submit = cluster.start('submit', ENDLESS, ...SLOWLY)
  await submit.errors((text) => /running: 1 slot on a/.test(text))
  t.match(await cluster.run('evacuate', 'a'), { code: 0, stderr: /node a is empty/ })
  t.match((await cluster.run('nodes')).stdout, /a +0\/1 +cordoned/)
  await submit.errors((text) => /waits for a place/.test(text))
  t.match(await cluster.run('uncordon', 'a'), { code: 0 })
  t.match(await cluster.run('cordon', 'b'), {
    code: 2,
    stderr: /there is no node "b"; there are: a/,
  })
})

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
  const open = await cluster.run('coordinator', '--listen', '0.0.0.0:0', '--data', cluster.dir)
  t.match(open, { code: 2, stderr: /needs TLS/ })
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
