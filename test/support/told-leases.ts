/** The rhythm of heartbeats, as a node's own lease shows it. */
import { systemClock } from '../../lib/base/clock.js'
import { Lease } from '../../lib/cluster/lease.js'

/** From now on, for all leases of this process: how much was left as a heartbeat was answered. */
export function tellLeases(tell: (leftMs: number) => void): void {
  const { answered } = Lease.prototype
  const known = new WeakSet<Lease>()
  Lease.prototype.answered = function (sentMs) {
    if (known.has(this)) tell(Math.round(this.leftMs(systemClock.now())))
    known.add(this)
    answered.call(this, sentMs)
  }
}
