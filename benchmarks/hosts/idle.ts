/** What a connection costs that carries nothing: 1,000 open channels, and heartbeats. */
import { createLinkRouter } from '../../lib/channel/link-router.js'
import { createCreditLedger } from '../../lib/credit/ledger.js'
import { dialControl, dialData } from '../../lib/transport/dial.js'
import type { Lane } from '../../lib/transport/node-links.js'
import { startPeer } from './peer.js'

const CHANNELS = 1000
const HEARTBEAT_MS = 500

/** Of a core, at both ends. */
export async function idleCpu(
  seconds: number,
): Promise<{ readonly here: number; readonly there: number }> {
  const peer = await startPeer('uws', 'idle')
  const control = await dialControl(peer.dial)
  const data = await dialData(peer.dial)
  openChannels(data.openLane({ at: 'receiver', to: 'sender' }), 'input')
  const beat = setInterval(() => control.send({ kind: 'Heartbeat' }), HEARTBEAT_MS)
  await pass(1)
  const before = [cpuSeconds(), await peer.cpuSeconds()] as const
  await pass(seconds)
  const here = (cpuSeconds() - before[0]) / seconds
  const there = ((await peer.cpuSeconds()) - before[1]) / seconds
  clearInterval(beat)
  control.close()
  data.close()
  await peer.stop()
  return { here, there }
}

/** As a slot has them: a router on the lane that is woken by what arrives. */
export function openChannels(lane: Lane, end: 'input' | 'output'): void {
  const router = createLinkRouter()
  router.attach(lane, { session: lane.session, sealed: true })
  router.onReadable = () => {
    setImmediate(() => {
      while (router.poll()) {}
      router.arm()
    })
  }
  const { accounts } = createCreditLedger({ channels: CHANNELS, exclusive: 2, floating: 8 })
  for (let to = 0; to < CHANNELS; to++) {
    const options = { id: { edge: 1, from: 0, to }, attempt: 1, peer: lane.peer }
    if (end === 'input') router.openInput({ ...options, credits: accounts[to]! })
    else router.openOutput({ ...options, exclusive: 2, operator: 'idle' })
  }
  router.arm()
}

export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const pass = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000))
