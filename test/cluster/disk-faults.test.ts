/** The disk on which one node keeps what is its own is full: copies of chunks, bundles, state. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { judgeOutput } from '../e2e/judge.js'
import { fillUp } from '../support/fill-up.js'
import { whyNoHosts } from '../support/hosts.js'
import { HostsWorld, ROWS } from '../support/hosts-world.js'
import { succeeds } from '../support/mount.js'

t.setTimeout(400_000)

/** A world in which node 0 has a small disk of its own, for all that it keeps. */
async function withSmallDisk(t: Test): Promise<{ world: HostsWorld; ballast: string }> {
  const world = new HostsWorld()
  t.teardown(() => world.close())
  const disk = world.disk(t, 'disk', 24)
  mkdirSync(join(disk, 'bundles'), { mode: 0o700 })
  world.keepsAt(0, disk)
  await world.start()
  return { world, ballast: join(disk, 'ballast') }
}

async function endsWhole(t: Test, world: HostsWorld): Promise<void> {
  t.match(await world.end(), { state: 'Finished' })
  t.equal(await judgeOutput(world.dir, ROWS), null, 'nothing lost, repeated or out of order')
  const lost = world.hub.said.filter(({ kind }) => kind === 'NodeLost')
  t.same(lost, [], 'nobody was thought dead')
}

const why = whyNoHosts() ?? (succeeds('mount', '--version') ? null : 'there is no mount')
const skip = why ?? false

t.test(
  'a node whose disk becomes full makes no more copies, says so, and goes on',
  { skip },
  async (t) => {
    const { world, ballast } = await withSmallDisk(t)
    await world.submit()
    const [node] = world.nodes
    let failed = false
    const failing = node!
      .hear(({ kind }) => kind === 'CopiesFailed')
      .finally(() => {
        failed = true
      })
    // What older copies have taken becomes free, and is taken again.
    while (!failed) {
      t.equal(fillUp(ballast), 'ENOSPC')
      await Promise.race([failing, pause(20)])
    }
    t.match(await failing, { reason: /ENOSPC|no space left/ })
    await endsWhole(t, world)
    t.equal(world.restarts, 0, 'nobody waits for copies')
  },
)

t.test(
  'a node that cannot keep a bundle says why, and takes part once it can',
  { skip },
  async (t) => {
    const { world, ballast } = await withSmallDisk(t)
    t.equal(fillUp(ballast), 'ENOSPC')
    world.submitOnly()
    const failure = await world.client.hear(({ kind }) => kind === 'Failure')
    t.match(failure, { code: 'E_NODE_LOST', message: /node-0: .*cannot keep .* ENOSPC.*make room/ })
    rmSync(ballast)
    await world.client.hear(({ kind }) => kind === 'Checkpointed')
    await endsWhole(t, world)
  },
)

t.test(
  'a node that has no room for state says so, and takes part once it has',
  { skip },
  async (t) => {
    const world = new HostsWorld()
    t.teardown(() => world.close())
    const disk = world.disk(t, 'state', 64)
    world.keepsStateAt(0, disk)
    await world.start()
    const ballast = join(disk, 'ballast')
    t.equal(fillUp(ballast), 'ENOSPC')
    world.submitOnly(ROWS, { state: { backend: 'level', cacheMb: 1 } })
    const failure = await world.client.hear(({ kind }) => kind === 'Failure')
    t.match(failure, { code: 'E_STATE_STORE', message: /--state-dir/ })
    rmSync(ballast)
    await world.client.hear(({ kind }) => kind === 'Checkpointed')
    await endsWhole(t, world)
  },
)
