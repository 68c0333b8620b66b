/**
 * The laws of a cluster's control plane, and where each is asserted. "At every step": while the real coordinator,
 * nodes and slots run, on what passes between a node and its slots, between slots and what they read and write, and
 * between the coordinator and its store; else of the outcome alone.
 *
 * | law                                                                          | asserted                      |
 * |------------------------------------------------------------------------------|-------------------------------|
 * | One attempt of a region is live: none goes on when a later one has begun.     | every step: `LiveAttempts`    |
 * | What is not live writes nothing to a sink, and prepares nothing.              | every step: `acts`            |
 * | What begins is what is durably deployed at that moment: run and attempt.      | every step: `#began`          |
 * | What is adopted is the attempt that is deployed, and began last.              | every step: `adopted`         |
 * | A round is complete once, behind all before it, and holds transactions of the | every step: `manifest`        |
 * | attempt that began last alone.                                                |                               |
 * | A slot is told that a round is complete when its manifest is there.           | every step: `told`            |
 * | An attempt goes on from the newest round that is complete.                    | every step: `opened`          |
 * | Nothing is shown that no manifest holds, whoever commits it, and however late.| every step: `shown`           |
 * | Transactions of one epoch are shown of one attempt alone.                     | every step: `shown`           |
 * | No slot is told of a round twice, whoever coordinates.                        | every step: simulated cluster |
 * | A coordinator of an earlier term begins nothing.                              | every step: `#began`          |
 * | Every row is shown once, every count given once.                              | outcome: `judge`              |
 * | Every job ends Finished; whoever asked is answered; nothing is left behind.   | outcome: `simulate`           |
 *
 * A node's lease, what a coordinator waits for before it gives work to others, and what a new one waits for, are
 * asserted by the first law: their times are what keeps an earlier attempt from being live beside a later one.
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
