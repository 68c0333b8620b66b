/**
 * The laws of a cluster's control plane, watched at every step of a simulation.
 */
import type { RemoteSetup } from '../../actors/node/protocol.js'
import type { Slot } from '../../actors/worker/protocol.js'
import { CommitLaws } from './commit-laws.js'
import { type Attempt, LiveAttempts } from './live-attempts.js'
import type { MemoryStores } from './memory-stores.js'
import type { SimulatedProcess } from './simulated-process.js'

export class ClusterLaws {
  /** Those that were seen broken. */
  readonly violations: string[] = []
  readonly live: LiveAttempts
  readonly commits: CommitLaws
  readonly #stores: MemoryStores

  constructor(stores: MemoryStores) {
    this.#stores = stores
    const violated = (law: string) => void this.violations.push(law)
    this.commits = new CommitLaws({
      violated,
      jobOf: (run) => this.live.jobOf(run),
      newest: (job) => this.live.newest(job, 0),
    })
    this.live = new LiveAttempts({
      violated,
      began: (attempt) => this.#began(attempt),
      opened: (attempt, round) => this.commits.opened(attempt, round),
      completed: (job, round) => this.commits.told(job, round),
    })
    stores.onManifest = (round, manifest) => this.commits.manifest(round, manifest)
  }

  /** What runs is what is written durably: nothing that a coordinator did not know to be its own begins. */
  #began({ job, region, run, attempt }: Attempt): void {
    const deployment = this.#stores.jobs.get(job)?.deployment
    if (deployment?.run === run && deployment.regions[region] === attempt) return
    this.violations.push(
      `${job}: ${run}@${attempt} begins, and what is deployed is ${deployment?.run}@${deployment?.regions[region]}`,
    )
  }

  /** A job goes on under the next coordinator. */
  adopted(job: string): void {
    const { run, regions = [] } = this.#stores.jobs.get(job)?.deployment ?? {}
    for (const [region, attempt] of regions.entries()) {
      const newest = this.live.newest(job, region)
      if (newest?.run === run && newest?.attempt === attempt) continue
      this.violations.push(
        `${job} is adopted at ${run}@${attempt}, and ${newest?.run}@${newest?.attempt} has begun`,
      )
    }
  }

  slot(process: SimulatedProcess, setup: RemoteSetup, slot: Slot): void {
    this.live.watch(process, setup, slot)
  }
}
