/**
 * A cluster of processes on hosts of its own, and what may happen to them while a job runs whose output
 * shows what is lost, repeated or out of order. Each fault is counted where it was seen.
 */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { judgeOutput } from '../e2e/judge.js'
import type { Said, Talking } from '../support/cluster-processes.js'
import { fillUp } from '../support/fill-up.js'
import { whyNoHosts } from '../support/hosts.js'
import { HostsWorld, HUB_HOST as HUB, hostOf, NODES, ROWS } from '../support/hosts-world.js'
import { whyNoLoss } from '../support/lossy-link.js'
import { succeeds } from '../support/mount.js'
import { bestPromptly, promptly } from '../support/promptly.js'

t.setTimeout(1_200_000)
// Each is in a world of its own, and waits more than it works.
t.jobs = 2

/** The node of which the cable may lose frames. */
const LOSSY = 1
interface Fault {
  readonly name: string
  /** Null: it can be brought about here; else why not. */
  readonly whyNot?: string | null
  /** With a cable that can lose frames. */
  readonly isWired?: boolean
  /** So many megabytes are all that the sinks have. */
  readonly outMb?: number
  /** Whether some node is to be lost by it. */
  readonly losesNode: boolean | null
  /** It takes the machine for itself, or measures: no other world runs beside it. */
  readonly isAlone?: boolean
  /** Default `ROWS`. */
  readonly rows?: number
  happen(world: HostsWorld, t: Test): Promise<void>
}

const isBack = ({ kind }: Said) => kind === 'NodeReturned' || kind === 'NodeJoined'

const count = (all: readonly Said[], what: string): number =>
  all.filter(({ kind }) => kind === what).length

async function pausedFor(paused: Talking, ms: number): Promise<void> {
  paused.kill('SIGSTOP')
  await pause(ms)
  paused.kill('SIGCONT')
}

/** Of all cores since the machine was started. */
const idleMs = () => cpus().reduce((sum, { times }) => sum + times.idle, 0)

/** Ms from now until it is noticed, and until the coordinator is whole again. */
async function noticed(world: HostsWorld, act: () => void): Promise<number> {
  const from = world.hub.said.length
  const beganMs = Date.now()
  act()
  const lost = await world.hub.hear(({ kind }) => kind === 'NodeLost', from)
  return lost.atMs - beganMs
}

const FAULTS: readonly Fault[] = [
  {
    name: 'kill -9 of each node in turn, which comes back',
    isAlone: true,
    losesNode: true,
    rows: 30_000,
    async happen(world, t) {
      const [noticedMs, runningMs]: [number[], number[]] = [[], []]
      for (let i = 0; i < NODES; i++) {
        const from = world.client.said.length
        const ms = await noticed(world, () => world.nodes[i]!.kill('SIGKILL'))
        noticedMs.push(ms)
        const lostMs = Date.now()
        await world.client.hear(({ kind }) => kind === 'Running', from)
        runningMs.push(Date.now() - lostMs)
        await world.startNode(i)
        const since = world.client.said.length
        await world.client.hear(({ kind }) => kind === 'Checkpointed', since)
      }
      bestPromptly(t, 'noticed', noticedMs, 500)
      bestPromptly(t, 'running again', runningMs, 5_000)
    },
  },
  {
    name: 'kill -9 of the coordinator',
    losesNode: null,
    async happen(world) {
      world.hub.kill('SIGKILL')
      await world.startHub()
    },
  },
  {
    name: 'a coordinator that is paused for a second',
    losesNode: false,
    async happen({ hub }, t) {
      await pausedFor(hub, 1_000)
      t.equal(
        hub.said.some(({ kind }) => kind === 'NodeReturned'),
        false,
        'nobody gave it up',
      )
    },
  },
  {
    name: 'a coordinator that is paused for six seconds',
    // Nodes have waited for it, paused; whoever was not there itself judges nobody.
    losesNode: false,
    async happen({ hub, nodes }, t) {
      const from = nodes.map(({ said }) => said.length)
      await pausedFor(hub, 6_000)
      const paused = nodes.filter(({ said }, i) =>
        said.slice(from[i]).some(({ kind }) => kind === 'Paused'),
      )
      t.ok(paused.length > 0, 'nodes paused meanwhile')
    },
  },
  {
    name: 'kill -9 of everything',
    losesNode: null,
    async happen(world) {
      for (const each of [world.hub, ...world.nodes]) each.kill('SIGKILL')
      await world.start()
    },
  },
  {
    name: 'a node that is paused for a second',
    losesNode: false,
    happen: ({ nodes }) => pausedFor(nodes[1]!, 1_000),
  },
  {
    name: 'a node that is paused for six seconds',
    losesNode: true,
    async happen(world, t) {
      const ms = await noticed(world, () => world.nodes[1]!.kill('SIGSTOP'))
      promptly(t, 'noticed', ms, 3_000)
      await pause(Math.max(0, 6_000 - ms))
      world.nodes[1]!.kill('SIGCONT')
    },
  },
  {
    name: 'a node cut off from all others',
    losesNode: true,
    async happen(world, t) {
      const ms = await noticed(world, () => world.hosts.plug(hostOf(2), false))
      promptly(t, 'noticed', ms, 3_000)
      await pause(2_000)
      world.hosts.plug(hostOf(2), true)
    },
  },
  {
    name: 'a node whose words do not reach the coordinator',
    losesNode: true,
    async happen(world, t) {
      const ms = await noticed(world, () => world.hosts.cut(hostOf(0), HUB))
      promptly(t, 'noticed', ms, 3_000)
      await pause(1_000)
      world.hosts.healAll()
    },
  },
  {
    name: 'a node and the coordinator that do not reach each other, though all others do',
    losesNode: true,
    async happen(world, t) {
      const ms = await noticed(world, () => world.hosts.cutBoth(hostOf(0), HUB))
      promptly(t, 'noticed', ms, 3_000)
      await pause(2_000)
      world.hosts.healAll()
    },
  },
  {
    name: 'a node that hears nothing of the coordinator',
    losesNode: null,
    async happen(world) {
      world.hosts.cut(HUB, hostOf(0))
      await pause(5_000)
      world.hosts.healAll()
    },
  },
  {
    name: 'two nodes that do not reach each other for a while',
    losesNode: null,
    async happen(world) {
      world.hosts.cutBoth(hostOf(0), hostOf(1))
      await pause(3_000)
      world.hosts.healAll()
    },
  },
  {
    name: 'two nodes that do not reach each other, and the job goes on without one of them',
    losesNode: false,
    rows: 40_000,
    async happen({ hosts, hub, client }, t) {
      const [toHub, toClient] = [hub.said.length, client.said.length]
      const beganMs = Date.now()
      hosts.cutBoth(hostOf(0), hostOf(1))
      await hub.hear(({ kind }) => kind === 'PeersApart', toHub)
      promptly(t, 'noticed', Date.now() - beganMs, 3_000)
      const heardIn = async (state: string) => {
        await client.hear(({ kind }) => kind === state, toClient)
        return client.said.findIndex(({ kind }, i) => i >= toClient && kind === state)
      }
      const running = await heardIn('Running')
      promptly(t, 'running again', Date.now() - beganMs, 8_000)
      await client.hear(({ kind }) => kind === 'Checkpointed', running)
      await pause(Math.max(3_000, 12_000 - (Date.now() - beganMs)))
      const since = client.said.slice(running + 1).map(({ kind }) => kind)
      t.same([...new Set(since)], ['Checkpointed'], 'it has not stopped again since')
      hosts.healAll()
    },
  },
  {
    name: 'a cable that is loose, second by second',
    losesNode: null,
    async happen(world) {
      for (let i = 0; i < 4; i++) {
        world.hosts.plug(hostOf(1), false)
        await pause(1_000)
        world.hosts.plug(hostOf(1), true)
        await pause(1_000)
      }
    },
  },
  {
    name: 'a link of 1 Mbit/s',
    losesNode: false,
    async happen(world) {
      world.hosts.slow(hostOf(1), '1mbit')
      await pause(5_000)
      world.hosts.slow(hostOf(1), null)
    },
  },
  {
    name: 'a cable that loses 20 % of all frames each way, for twenty seconds',
    // One connection may stand still for longer than a lease then, but hardly ever both of a node.
    losesNode: false,
    whyNot: whyNoLoss(),
    isWired: true,
    rows: 30_000,
    async happen({ cable, hub, client }, t) {
      const from = client.said.length
      await cable!.lose(0.2)
      await pause(20_000)
      const { frames, lost } = await cable!.lose(0)
      const part = lost / frames
      t.comment(`lost ${lost} of ${frames} frames`)
      t.ok(part > 0.15 && part < 0.25, `${Math.round(part * 100)} % were lost`)
      const since = client.said.slice(from)
      t.comment(
        `${count(since, 'Checkpointed')} checkpoints, ${count(since, 'Restarting')} restarts, ` +
          `${count(hub.said, 'PeersApart')} data connections were given up meanwhile`,
      )
      for (const { kind, reason } of hub.said) {
        if (kind === 'NodeLost' || kind === 'PeersApart') t.comment(`${kind}: ${reason}`)
      }
      t.ok(count(since, 'Checkpointed') > 0, 'it has gone on')
    },
  },
  {
    name: 'every core busy with other work for ten seconds',
    isAlone: true,
    losesNode: false,
    rows: 30_000,
    async happen({ client }, t) {
      const from = client.said.length
      const burners = cpus().map(() => spawn(process.execPath, ['-e', 'for (;;);']))
      const before = idleMs()
      const beganMs = Date.now()
      await pause(10_000)
      const idle = (idleMs() - before) / (cpus().length * (Date.now() - beganMs))
      for (const burner of burners) burner.kill('SIGKILL')
      t.comment(`idle for ${Math.round(idle * 100)} % of the time`)
      t.ok(
        burners.every(({ exitCode }) => exitCode === null),
        'all were busy to the end',
      )
      t.ok(count(client.said.slice(from), 'Checkpointed') > 0, 'it has gone on')
    },
  },
  {
    name: 'a disk under the sinks that is full for a while',
    losesNode: false,
    whyNot: succeeds('mount', '--version') ? null : 'there is no mount',
    outMb: 32,
    async happen({ dir, client }, t) {
      const from = client.said.length
      const ballast = join(dir, 'out', 'ballast')
      t.equal(fillUp(ballast), 'ENOSPC')
      await client.hear(({ kind }) => kind === 'Restarting', from)
      await pause(2_000)
      rmSync(ballast)
      const freed = client.said.length
      await client.hear(({ kind }) => kind === 'Checkpointed', freed)
    },
  },
  {
    name: 'connections that are reset',
    // On a busy machine nobody connects again in time.
    losesNode: null,
    async happen(world) {
      const from = world.hub.said.length
      world.hosts.reset(hostOf(2))
      await world.hub.hear(isBack, from)
    },
  },
  {
    name: 'connections to the coordinator that are reset, again and again',
    losesNode: null,
    async happen(world, t) {
      for (let times = 0; times < 6; times++) {
        const from = world.hub.said.length
        world.hosts.reset(hostOf(times % NODES), HUB)
        await world.hub.hear(isBack, from)
      }
      t.ok(count(world.hub.said, 'NodeReturned') > 0, 'nodes connected again')
      t.ok(world.restarts <= count(world.hub.said, 'NodeLost'), 'work went on where they did')
    },
  },
]

const ONLY = process.env.FAULT
const why = whyNoHosts()
const chosen = FAULTS.filter(({ name }) => ONLY === undefined || name.includes(ONLY))
const skipped = chosen.filter(({ whyNot }) => (why ?? whyNot ?? null) !== null).length
let happened = 0
// The longest first, so that none is left alone at the end.
for (const fault of chosen.toSorted((a, b) => (b.rows ?? ROWS) - (a.rows ?? ROWS))) {
  const { name, whyNot = null, isWired = false, outMb, losesNode, rows = ROWS } = fault
  const isAlone = fault.isAlone === true && { buffered: false }
  t.test(name, { skip: why ?? whyNot ?? false, ...isAlone }, async (t) => {
    const world = new HostsWorld()
    t.teardown(() => world.close())
    if (isWired) await world.wire(LOSSY)
    if (outMb !== undefined) world.disk(t, 'out', outMb)
    await world.start()
    await world.submit(rows)
    await pause(300)
    const hub = world.hub
    await fault.happen(world, t)
    const ended = await world.end()
    t.match(ended, { state: 'Finished' })
    t.equal(await judgeOutput(world.dir, rows), null, 'nothing lost, repeated or out of order')
    const lost = count(hub.said, 'NodeLost')
    if (losesNode === true) t.ok(lost > 0, 'the fault was seen')
    if (losesNode === false) t.equal(lost, 0, 'nobody was thought dead')
    happened++
  })
}
t.test('the faults have happened', { buffered: false }, async (t) => {
  t.equal(happened, chosen.length - skipped)
})
