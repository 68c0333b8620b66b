/** A cluster of processes on loopback, looked after by the command line as people do. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { judgeOutput } from '../e2e/judge.js'
import { clusterProcesses } from '../support/cli-cluster.js'

t.setTimeout(400_000)

const job = (name: string) => fileURLToPath(new URL(`../e2e/jobs/${name}.js`, import.meta.url))
const [ENDLESS, ACCOUNTING] = [job('endless'), job('accounting')]
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
  const apart = ['submit', ENDLESS, '--apart-from']
  t.match(await cluster.run(...apart, 'nobody'), { code: 2, stderr: /there is no job "nobody"/ })
  const nowhere = await cluster.run(...apart, 'endless', '--wait', '100ms')
  t.match(nowhere, { code: 1, stderr: /the job failed: .*slot/ }, 'both nodes have that job')
  const savepoint = await cluster.run('savepoint', id, join(cluster.dir, 'mine'))
  t.match(savepoint, { code: 0, stderr: /to go on from it: millrace submit … --restore / })
  const stopped = await cluster.run('stop', id)
  t.match(stopped, { code: 0, stderr: /has stopped behind checkpoint \d+/ })
  t.match(await events.ended, { code: 0, stdout: /Stopping → Stopped/ }, 'it is told as what it is')
  t.match((await cluster.run('list')).stdout, /\nendless-\w+ +Stopped /)
  t.match(await cluster.run('cancel', id), { code: 2, stderr: /has ended \(Stopped\)/ })
  t.match(await cluster.run('cancel', 'nothing'), { code: 2, stderr: /there is no job "nothing"/ })

  const mine = join(cluster.dir, 'mine')
  const again = cluster.start('submit', ENDLESS, '--restore', mine, '--claim', ...SLOWLY)
  await again.errors((text) => /running: 1 slot on/.test(text))
  await untilGone(mine)
  again.process.kill('SIGINT')
  t.match(await again.ended, { code: 130 }, 'the savepoint that it claimed is deleted')
})

/** As long as it takes: the test has a deadline. */
async function untilGone(path: string): Promise<void> {
  while (existsSync(path)) await new Promise<void>((resolve) => setImmediate(resolve))
}

t.test('whoever waits is told for what, and Ctrl-C leaves the job running', async (t) => {
  const cluster = await clusterProcesses(t)
  const submit = cluster.start('submit', ENDLESS, '--label', 'zone=north', ...SLOWLY)
  await submit.errors((text) => /waits for a place: .*node/.test(text))
  await cluster.node('a', '--slots', '1', '--label', 'zone=north')
  await submit.errors((text) => /running: 1 slot on a/.test(text))
  submit.process.kill('SIGINT')
  const { code, stderr } = await submit.ended
  t.equal(code, 130)
  t.notMatch(stderr, /closed on this side/)
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
    await events.output((text) => text.split('→ Running').length > 2)
    t.match(events.stderr, /lost the coordinator, trying again for 2 min.*\n.*reached .* again/)
    t.notMatch(events.stdout, /Cancelled|Stopped/, 'what followed it hears of no end')

    const impatient = cluster.start('events', stdout.trim(), '--reconnect', '1s')
    await impatient.output((text) => /→ Running/.test(text))
    again.process.kill('SIGKILL')
    t.match(await impatient.ended, { code: 1, stderr: /was lost, and was tried again for 1 s/ })
    events.process.kill('SIGINT')
    t.match(await events.ended, { code: 130 }, 'Ctrl-C is heard while it waits')
    t.notMatch(events.stderr, /closed on this side/)
    node.process.kill('SIGTERM')
    t.match(await node.ended, { code: 0 })
  },
)

t.test('evacuating the only node leaves it empty, and the job waits', async (t) => {
  const cluster = await clusterProcesses(t)
  await cluster.node('a', '--slots', '1')
  const submit = cluster.start('submit', ENDLESS, ...SLOWLY)
  await submit.errors((text) => /running: 1 slot on a/.test(text))
  const evacuated = await cluster.run('evacuate', 'a')
  t.match(evacuated, { code: 0, stderr: /node a is empty; job endless-\w+ waits for / })
  t.match((await cluster.run('nodes')).stdout, /a +0\/1 +cordoned/)
  await submit.errors((text) => /waits for a place/.test(text))
  const listed = await cluster.run('list')
  t.match(listed.stdout, /endless-\w+ +Restarting .* waits for 1 slot: none of 1 nodes may host it/)
  t.match(await cluster.run('uncordon', 'a'), { code: 0 })
  t.match(await cluster.run('cordon', 'b'), {
    code: 2,
    stderr: /there is no node "b"; there are: a/,
  })
})
