/**
 * What a simulated cluster commits: the snapshots of each job, as its store gets them, and the transactions that
 * become visible, each of one *epoch*: what an attempt had prepared for one round.
 */
import { decodeManifest } from '../../lib/snapshot/manifest.js'
import type { Attempt } from './live-attempts.js'

export interface CommitLawsOwner {
  violated(law: string): void
  /** The job that has had this run. */
  jobOf(run: string): string | null
  /** Its region's attempt that began last. */
  newest(job: string): Attempt | null
}

/** What has become durable of one job. */
interface Line {
  readonly rounds: Set<number>
  newest: number
  /** Transactions that its snapshots name. */
  readonly named: Set<string>
  /** By round, the attempt of which transactions were shown. */
  readonly shown: Map<number, string>
}

export class CommitLaws {
  readonly #owner: CommitLawsOwner
  readonly #lines = new Map<string, Line>()

  constructor(owner: CommitLawsOwner) {
    this.#owner = owner
  }

  /** A snapshot is about to be complete. */
  manifest(round: number, bytes: Uint8Array): void {
    const { run, kind, operators } = decodeManifest(bytes, `manifest ${round}`)
    const job = this.#owner.jobOf(run)
    if (job === null)
      return this.#owner.violated(`round ${round} is of run ${run}, which is no job`)
    const line = this.#lineOf(job)
    // A savepoint with which the job stops was a checkpoint of it just before.
    const isAgain = kind === 'savepoint' && round === line.newest
    if (round <= line.newest && !isAgain) {
      this.#owner.violated(`${job}: round ${round} is complete behind round ${line.newest}`)
    }
    line.rounds.add(round)
    line.newest = Math.max(line.newest, round)
    const newest = this.#owner.newest(job)
    for (const id of operators.flatMap(({ subtasks }) =>
      subtasks.flatMap(({ transactions }) => transactions as readonly string[]),
    )) {
      line.named.add(id)
      const { attempt } = epochOf(id)
      if (attempt !== `${newest?.run}@${newest?.attempt}`) {
        this.#owner.violated(
          `${job}: round ${round} holds transaction ${id}, and ${newest?.run}@${newest?.attempt} has begun`,
        )
      }
    }
  }

  /** A slot is told that the round is complete. */
  told(job: string, round: number): void {
    if (this.#lineOf(job).rounds.has(round)) return
    this.#owner.violated(`${job}: a slot is told of round ${round}, which is not complete`)
  }

  /** It goes on from that round; 0: from the beginning. */
  opened({ job, run, attempt }: Attempt, round: number): void {
    const { newest } = this.#lineOf(job)
    if (round === newest) return
    this.#owner.violated(
      `${job}: ${run}@${attempt} goes on from round ${round}, and round ${newest} is complete`,
    )
  }

  /** A transaction becomes visible, and was not before. */
  shown(id: string): void {
    const { run, attempt, round } = epochOf(id)
    const job = this.#owner.jobOf(run)
    const line = this.#lineOf(job ?? run)
    if (!line.named.has(id)) {
      this.#owner.violated(`${job}: transaction ${id} is shown, and no snapshot holds it`)
    }
    const by = line.shown.get(round) ?? attempt
    line.shown.set(round, by)
    if (by !== attempt) {
      this.#owner.violated(`${job}: round ${round} is committed by ${by} and by ${attempt}`)
    }
  }

  #lineOf(job: string): Line {
    const line = this.#lines.get(job) ?? {
      rounds: new Set(),
      newest: 0,
      named: new Set(),
      shown: new Map(),
    }
    this.#lines.set(job, line)
    return line
  }
}

/** As the sink of a simulation names it: `run/subtask/attempt/round/number`. */
function epochOf(id: string): { run: string; attempt: string; round: number } {
  const [run, , attempt, round] = id.split('/')
  return { run: run!, attempt: `${run}@${attempt}`, round: Number(round) }
}
