/** A store that is snapshotted all the time. */
import type { Random } from '../../lib/base/random.js'
import { createStateSnapshots } from '../../lib/snapshot/state-rounds.js'
import type { StateStore } from '../../lib/state/state.js'

/** Between any two calls a round may begin, be encoded by a few rows, be complete or given up. */
export function disturbed(store: StateStore, random: Random): StateStore {
  const snapshots = createStateSnapshots(store, 'o')
  let round = 0
  const disturb = (): void => {
    const dice = random()
    if (!snapshots.encoded) {
      if (dice < 0.5) snapshots.step(1 + Math.floor(random() * 5))
      else if (dice < 0.6) snapshots.abandoned(round)
      if (!snapshots.encoded) return
      if (dice < 0.5) {
        snapshots.chain([{ id: `${round}`, sha256: '', bytes: 100, count: 1 }])
        if (random() < 0.7) snapshots.completed(round)
      }
    } else if (dice < 0.1) snapshots.begin(++round, random() < 0.2)
  }
  const around = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(_, name) {
        const member: unknown = Reflect.get(target, name, target)
        if (typeof member !== 'function') return member
        return (...args: unknown[]) => {
          disturb()
          const result: unknown = Reflect.apply(member, target, args)
          return target === store && typeof result === 'object' ? around(result as object) : result
        }
      },
    })
  return around(store)
}
