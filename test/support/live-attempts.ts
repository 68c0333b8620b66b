/**
 * Which attempts of a job's regions are live in a simulated cluster, seen from their slots: what each is told,
 * whether it and its process stand still, and what its sources and sinks do.
 *
 * An attempt is *live* in a slot that has been told to start it and not to end it, has not been paused, and
 * whose process runs. A process that wakes knows nothing until the timers that fell due meanwhile have run: it
 * has until the end of that instant of the clock.
 */
import type { RemoteSetup } from '../../actors/node/protocol.js'
import type { Slot } from '../../actors/worker/protocol.js'
import type { SimulatedProcess } from './simulated-process.js'

/** An attempt of a region, in one life of its job. */
export interface Attempt {
  readonly job: string
  readonly region: number
  readonly run: string
  readonly attempt: number
}

interface Hosted {
  readonly attempt: Attempt
  isStarted: boolean
}

interface Watched {
  readonly setup: RemoteSetup
  readonly process: SimulatedProcess
  /** By region. */
  readonly hosted: Map<number, Hosted>
  isPaused: boolean
}

export interface LiveAttemptsOwner {
  violated(law: string): void
  /** Its slots have been told to start it, for the first time. */
  began(attempt: Attempt): void
  /** A slot is told to open it from the snapshot of that round; 0: from the beginning. */
  opened(attempt: Attempt, round: number): void
  /** A slot of the job is told that this round is complete. */
  completed(job: string, round: number): void
}

export class LiveAttempts {
  readonly #owner: LiveAttemptsOwner
  /** Those that have not ended. */
  readonly #slots = new Set<Watched>()
  /** The attempt that began last, by job and region. */
  readonly #newest = new Map<string, Attempt>()
  readonly #begun = new Set<string>()
  /** By run. */
  readonly #jobs = new Map<string, string>()
  readonly #waking = new Set<SimulatedProcess>()

  constructor(owner: LiveAttemptsOwner) {
    this.#owner = owner
  }

  /** The job that has had this run. */
  jobOf(run: string): string | null {
    return this.#jobs.get(run) ?? null
  }

  newest(job: string, region: number): Attempt | null {
    return this.#newest.get(placeOf(job, region)) ?? null
  }

  /** Watches it from its beginning to its end. */
  watch(process: SimulatedProcess, setup: RemoteSetup, slot: Slot): void {
    const watched: Watched = { setup, process, hosted: new Map(), isPaused: false }
    this.#slots.add(watched)
    this.#jobs.set(setup.run, setup.job)
    const { commands } = slot
    const { open, start, abort, snapshotCompleted, pause, resume, close } = commands
    const { kill } = slot
    commands.open = (region, attempt, restore) => {
      this.#open(watched, region, attempt, [...(restore?.values() ?? [])])
      return open.call(commands, region, attempt, restore)
    }
    commands.start = (region, attempt, subtask) => {
      this.#start(watched, region, attempt)
      return start.call(commands, region, attempt, subtask)
    }
    commands.abort = async (region, attempt) => {
      await abort.call(commands, region, attempt)
      if (watched.hosted.get(region)?.attempt.attempt === attempt) watched.hosted.delete(region)
    }
    commands.snapshotCompleted = (round) => {
      this.#owner.completed(setup.job, round)
      return snapshotCompleted.call(commands, round)
    }
    commands.pause = () => {
      watched.isPaused = true
      return pause.call(commands)
    }
    commands.resume = () => {
      watched.isPaused = false
      this.#judge(watched)
      return resume.call(commands)
    }
    commands.close = () => {
      this.#slots.delete(watched)
      return close.call(commands)
    }
    slot.kill = (reason) => {
      this.#slots.delete(watched)
      return kill.call(slot, reason)
    }
  }

  /** A source or a sink does something there. */
  acts(process: SimulatedProcess, of: Omit<Attempt, 'job' | 'region'> | null, what: string): void {
    for (const watched of this.#slots) {
      if (watched.process.name !== process.name || watched.isPaused) continue
      for (const { attempt, isStarted } of watched.hosted.values()) {
        if (isStarted && attempt.run === of?.run && attempt.attempt === of.attempt) return
      }
    }
    this.#owner.violated(
      `${what} on ${process.name} in attempt ${of?.run}@${of?.attempt}, which is not live there`,
    )
  }

  /** That process is about to run again, after it has stood still. */
  wakes(process: SimulatedProcess): void {
    this.#waking.add(process)
  }

  /** Of what is due at this instant all has run. */
  instantEnds(): void {
    if (this.#waking.size === 0) return
    const woken = [...this.#slots].filter(({ process }) => this.#waking.has(process))
    this.#waking.clear()
    for (const watched of woken) this.#judge(watched)
  }

  #open(
    { setup, hosted }: Watched,
    region: number,
    attempt: number,
    restore: readonly { readonly round: number }[],
  ): void {
    const opened: Attempt = { job: setup.job, region, run: setup.run, attempt }
    hosted.set(region, { attempt: opened, isStarted: false })
    this.#owner.opened(opened, Math.max(0, ...restore.map(({ round }) => round)))
  }

  #start(watched: Watched, region: number, attempt: number): void {
    const hosted = watched.hosted.get(region)
    if (hosted?.attempt.attempt !== attempt || hosted.isStarted) return
    hosted.isStarted = true
    const place = placeOf(hosted.attempt.job, region)
    if (!this.#isNew(hosted.attempt)) return this.#judge(watched)
    this.#newest.set(place, hosted.attempt)
    for (const other of this.#slots) if (this.#hosts(other, hosted.attempt)) this.#judge(other)
    this.#owner.began(hosted.attempt)
  }

  /** It has begun nowhere before. */
  #isNew({ region, run, attempt }: Attempt): boolean {
    const key = `${region} ${run}@${attempt}`
    const isNew = !this.#begun.has(key)
    this.#begun.add(key)
    return isNew
  }

  /** It hosts an earlier attempt of the same region. */
  #hosts({ setup, hosted, process }: Watched, { job, region, run, attempt }: Attempt): boolean {
    const found = hosted.get(region)
    if (setup.job !== job || process.isDead || found === undefined || !found.isStarted) return false
    return found.attempt.run !== run || found.attempt.attempt !== attempt
  }

  /** What is live there is the newest of its region. */
  #judge({ hosted, isPaused, process, setup }: Watched): void {
    const isStill = isPaused || process.isPaused || process.isDead || this.#waking.has(process)
    if (isStill) return
    for (const { attempt, isStarted } of hosted.values()) {
      const newest = this.#newest.get(placeOf(setup.job, attempt.region))
      if (!isStarted || isSame(newest, attempt)) continue
      this.#owner.violated(
        `two attempts of ${setup.job} are live: ${attempt.run}@${attempt.attempt} in slot ${setup.slot} on ${process.name}, and ${newest?.run}@${newest?.attempt}`,
      )
    }
  }
}

const placeOf = (job: string, region: number): string => `${job} ${region}`

const isSame = (one: Attempt | undefined, other: Attempt): boolean =>
  one?.run === other.run && one.attempt === other.attempt
