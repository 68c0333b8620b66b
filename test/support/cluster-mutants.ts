/**
 * Protections of a cluster that are taken away on purpose, so that an oracle can show that it sees it. For a
 * thread of its own: what is changed here is changed for good.
 */
import { RemoteSlot } from '../../actors/coordinator/remote-slot.js'
import { SplitDesk } from '../../actors/job/split-desk.js'
import type { ActorRef } from '../../actors/kernel/ref.js'
import { createActorSystem } from '../../actors/kernel/system.js'
import { HostedSlots } from '../../actors/node/hosted-slots.js'
import { SlotLedger } from '../../actors/node/slot-ledger.js'
import type { PlacementMessage } from '../../actors/placement/protocol.js'
import type { Clock } from '../../lib/base/clock.js'
import { Lease } from '../../lib/cluster/lease.js'
import { SETTLE_MS } from '../../lib/cluster/times.js'
import type { SlotHolding } from '../../lib/job/adoption.js'
import { SimulatedProcess } from './simulated-process.js'
import { TransactionWorld } from './transaction-world.js'

const MUTANTS = {
  'places are not released': () =>
    rewritePlacing((message) => (isRelease(message) ? null : message)),
  'jobs are placed slot by slot': () =>
    rewritePlacing((message) =>
      message.kind === 'Wanted'
        ? { ...message, wish: { ...message.wish, job: message.ref } }
        : message,
    ),
  'splits of a former attempt count': () => {
    SplitDesk.prototype.begins = () => {}
  },
  'what is prepared is shown': () => {
    const { commit } = TransactionWorld.prototype
    TransactionWorld.prototype.commit = () => {}
    const { prepare } = TransactionWorld.prototype
    TransactionWorld.prototype.prepare = function (id, records) {
      prepare.call(this, id, records)
      commit.call(this, id)
    }
  },
  'a lost slot is not told of': () => {
    RemoteSlot.prototype.lost = () => {}
  },
  'what is in doubt is adopted': () => {
    rewriteHoldings(({ regions, ...rest }) => ({
      ...rest,
      regions: regions.map((region) => ({ ...region, isWhole: true })),
    }))
  },
  'splits that were given are handed out again': () =>
    rewriteHoldings(({ regions, ...rest }) => ({
      ...rest,
      regions: regions.map(({ sources, ...region }) => ({
        ...region,
        sources: sources.map((source) => ({ ...source, given: [] })),
      })),
    })),
  'rounds are numbered anew': () =>
    rewriteHoldings((holding) => ({ ...holding, rounds: [], lastRound: 0 })),
  'links that were lost are adopted': () => {
    SlotLedger.prototype.peerLost = () => {}
  },
  'a kept slot goes on by itself': () => {
    HostedSlots.prototype.keep = () => {}
  },
  /** Times alone protect nothing: the oracle must see no harm in this one. */
  'no lease ends and nobody waits': () => {
    Lease.prototype.leftMs = () => Number.POSITIVE_INFINITY
    const { after } = SimulatedProcess.prototype
    SimulatedProcess.prototype.after = function (delayMs, task) {
      return after.call(this, delayMs === SETTLE_MS ? 0 : delayMs, task)
    }
  },
} as const satisfies Readonly<Record<string, () => void>>

export type Mutant = keyof typeof MUTANTS

export const mutate = (mutant: Mutant): void => MUTANTS[mutant]()

/** What slots say that they hold becomes something else. */
function rewriteHoldings(rewrite: (holding: SlotHolding) => SlotHolding): void {
  const { get } = Object.getOwnPropertyDescriptor(SlotLedger.prototype, 'holding')!
  Object.defineProperty(SlotLedger.prototype, 'holding', {
    get(this: SlotLedger) {
      return rewrite(get!.call(this))
    },
  })
}

const isRelease = ({ kind }: PlacementMessage): boolean => kind === 'Released'

/** What placement is told becomes something else, or nothing. */
function rewritePlacing(rewrite: (message: PlacementMessage) => PlacementMessage | null): void {
  const noClock = {
    now: () => 0,
    wallTime: () => 0,
    after: () => () => {},
    soon: () => {},
  } as Clock
  const system = createActorSystem({ name: 'none', clock: noClock })
  const some = system.spawn('some', () => ({ receive: () => {} }))
  const prototype = Object.getPrototypeOf(some) as ActorRef<PlacementMessage>
  const { control } = prototype
  prototype.control = function (message) {
    const rewritten = rewrite(message)
    if (rewritten !== null) control.call(this, rewritten)
  }
}
