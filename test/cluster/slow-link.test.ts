/**
 * Checkpoints whose chunks take longer to get to the coordinator than a node may be silent: what else goes
 * over that link does not wait for them, nor do rows.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { HEARTBEAT_MS, NODE_LEASE_MS } from '../../lib/cluster/times.js'
import { judgeOutput, KEYS } from '../e2e/judge.js'
import type { Said } from '../support/cluster-processes.js'
import { whyNoHosts } from '../support/hosts.js'
import { HostsWorld, HUB_HOST as HUB } from '../support/hosts-world.js'
import { promptly } from '../support/promptly.js'

t.setTimeout(200_000)

const RATE = '1mbit'
/** Characters per key: 2 MB in all, for which TCP needs 20 s or more at that rate. */
const BALLAST = 20_000
/** A round that takes longer is given up: nobody waits for it, and nothing is lost. */
const TIMEOUT_MS = 28_000
/** What was under way when the link became slow may be done sooner. */
const SLOW_MS = 10_000
/** At the pace of the job they outlast that. */
const ROWS = 76_000

/** Of many, the longest time in which the file has not grown, until `isOver`. */
async function longestRestMs(file: string, isOver: () => boolean): Promise<number> {
  let [bytes, grewMs, longestMs] = [0, Date.now(), 0]
  while (!isOver()) {
    const { size } = statSync(file)
    const nowMs = Date.now()
    longestMs = Math.max(longestMs, nowMs - grewMs)
    if (size !== bytes) [bytes, grewMs] = [size, nowMs]
    await pause(50)
  }
  return longestMs
}

t.test(
  'chunks of megabytes on a link of 1 Mbit/s delay neither heartbeats nor rows',
  { skip: whyNoHosts() ?? false },
  async (t) => {
    const world = new HostsWorld()
    t.teardown(() => world.close())
    world.tellsLeases = true
    await world.start()
    const checkpoint = { interval: 500, timeout: TIMEOUT_MS }
    await world.submit(ROWS, { checkpoint }, { ballast: String(BALLAST) })
    const { hosts, nodes, client, hub, dir } = world

    hosts.slow(HUB, RATE)
    const beganMs = Date.now()
    const from = nodes.map(({ said }) => said.length)
    const isSlow = ({ kind, durationMs }: Said) =>
      kind === 'SnapshotAbandoned' || (kind === 'Checkpointed' && Number(durationMs) > SLOW_MS)
    let isOver = false
    const decided = client.hear(isSlow).finally(() => {
      isOver = true
    })
    const restMs = await longestRestMs(join(dir, 'out/lines.txt'), () => isOver)
    const { kind, bytes, durationMs, reason } = await decided
    hosts.slow(HUB, null)
    const passedMs = Date.now() - beganMs
    if (kind === 'Checkpointed') {
      t.comment(`a checkpoint of ${bytes} bytes within ${durationMs} ms`)
      t.ok(Number(bytes) > BALLAST * KEYS, 'all of it was in the checkpoint')
    } else t.match(reason, /had not acknowledged it/, 'it was given up in time')
    promptly(t, 'the next rows', restMs, 500)
    for (const [i, { said }] of nodes.entries()) {
      const since = said.slice(from[i])
      const left = since.flatMap(({ kind, leftMs }) => (kind === 'Renewed' ? [Number(leftMs)] : []))
      const middle = left.toSorted((a, b) => a - b)[left.length >> 1]!
      const paused = since.filter(({ kind }) => kind === 'Paused').length
      t.comment(
        `node ${i}: ${left.length} times, ${middle} ms left in the middle; ${paused} pauses`,
      )
      // At a quarter of their pace at least, whatever TCP has lost on that link.
      t.ok(left.length > passedMs / (4 * HEARTBEAT_MS), 'leases are renewed all the time')
      t.ok(middle > NODE_LEASE_MS / 2, 'and before half of them is over')
    }
    t.match(await world.end(), { state: 'Finished' })
    t.equal(await judgeOutput(dir, ROWS), null, 'nothing lost, repeated or out of order')
    t.same(
      hub.said.filter(({ kind }) => kind === 'NodeLost'),
      [],
      'nobody was thought dead',
    )
    t.equal(world.restarts, 0)
  },
)
