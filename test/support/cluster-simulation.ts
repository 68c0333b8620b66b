/**
 * One run of a cluster under faults, decided by one seed, and what is wrong with its outcome: what was
 * shown must be what was sent, once; every job must end; nothing may be left behind.
 */
import { seededRandom } from '../../lib/base/random.js'
import { generate } from '../../lib/connectors/index.js'
import { keyBy, map, type Pipeline, pipeline, scan } from '../../lib/index.js'
import { bundleOf, HUB, SimulatedCluster } from './simulated-cluster.js'
import type { SimulatedProcess } from './simulated-process.js'
import { StrayFrames } from './stray-frames.js'
import { TransactionWorld } from './transaction-world.js'

/** Faults happen for so long; then all is healed. */
const TROUBLE_MS = 6_000
/** By then every job has ended. */
const END_MS = 120_000
const KEYS = 3

interface Row {
  readonly n: number
  readonly count: number
}

/** A job, and what it writes to. */
export interface JobShape {
  readonly name: string
  readonly rows: number
  readonly splits: number
  /** They are read one after the other, as subtasks ask for them. Default: all at once. */
  readonly isInTurn?: boolean
  /** At most, where it is reactive. */
  readonly parallelism: number
  readonly isReactive: boolean
  readonly interval: number
  /** That it takes to read them. */
  readonly seconds: number
  readonly world: TransactionWorld
}

// The same for all jobs: nothing in them is of one job alone.
const keyOf = (row: Row): number => row.n % KEYS
const counted = (before: Row | null, { n }: Row): Row | null => ({
  n,
  count: (before?.count ?? 0) + 1,
})
const second = <R>([, row]: readonly [unknown, R]): R => row

export const moduleOf =
  ({ name, rows, splits, isInTurn = false, seconds, world }: JobShape) =>
  (process: SimulatedProcess): Pipeline =>
    pipeline(name, (flow) =>
      flow
        .from({
          ...generate(rows, (n): Row => ({ n, count: 0 }), { perSecond: rows / seconds, splits }),
          concurrentSplits: !isInTurn,
        })
        .pipe(
          keyBy(keyOf),
          scan(counted, null as Row | null as never, { name: 'counts' }),
          map(second),
        )
        .to(world.sink(process)),
    )

/** What is wrong with what was shown; null where nothing is. */
export function judge({ rows, world }: JobShape): string | null {
  const shown = world.shown as readonly Row[]
  const seen = new Set<number>()
  const counts = new Map<number, Set<number>>()
  for (const { n, count } of shown) {
    if (seen.has(n)) return `row ${n} was shown twice`
    seen.add(n)
    const of = counts.get(n % KEYS) ?? new Set()
    counts.set(n % KEYS, of)
    if (of.has(count)) return `key ${n % KEYS}: count ${count} was given twice`
    of.add(count)
  }
  if (seen.size !== rows) return `${seen.size} of ${rows} rows were shown`
  for (const [key, of] of counts) {
    if (Math.max(...of) !== of.size) return `key ${key}: a count is missing`
  }
  return null
}

export interface Outcome {
  /** The first law that was seen broken, or else what is wrong in the end. */
  readonly verdict: string | null
  /** Laws that were seen broken while it ran: `cluster-laws.ts`. */
  readonly broken: readonly string[]
  /** What is wrong in the end alone. */
  readonly end: string | null
  readonly faults: number
  readonly slots: number
  /** Times that a node connected again and went on. */
  readonly returns: number
  /** Times that a job went on under the next coordinator, and that it could not. */
  readonly adopted: number
  readonly begunAgain: number
  readonly events: readonly string[]
}

export async function simulate(seed: number): Promise<Outcome> {
  const random = seededRandom(seed)
  /** In a quarter of them frames between slots are not as the network gives them otherwise. */
  const areFramesAstray = seed % 4 === 1
  const pick = (n: number) => Math.floor(random() * n)
  // Attempts end again and again, some before there is any snapshot, or while the first one is taken.
  const isRestless = random() < 0.15
  // Two jobs that each want all slots there are: whoever loses one must not be locked out by the other.
  const isCrowded = random() < 0.2
  const nodes = Array.from({ length: 2 + pick(2) }, (_, i) => ({
    name: `node-${i}`,
    slots: 1 + pick(isCrowded ? 2 : 3),
  }))
  const slots = nodes.reduce((sum, node) => sum + node.slots, 0)
  const jobs: JobShape[] = Array.from({ length: isCrowded || random() < 0.35 ? 2 : 1 }, (_, i) => ({
    name: `job${i}`,
    rows: 20 + pick(40),
    splits: 1 + pick(6),
    isInTurn: random() < 0.5,
    parallelism: isCrowded ? slots : 1 + pick(Math.min(3, slots)),
    isReactive: !isCrowded && random() < 0.3,
    seconds: 4,
    interval: isRestless ? 50 + pick(200) : 250 + pick(1_000),
    world: new TransactionWorld(),
  }))
  const slowMs = isRestless || random() < 0.2 ? 60 : 3
  const modules = Object.fromEntries(jobs.map((job) => [job.name, moduleOf(job)]))
  const cluster = new SimulatedCluster({
    seed,
    nodes,
    modules,
    delay: () => Math.floor(random() * slowMs),
  })
  if (areFramesAstray) cluster.internet.strays = new StrayFrames(random)
  for (const { world } of jobs) {
    world.watch = {
      acts: (process, of, what) => cluster.laws.live.acts(process, of, what),
      shown: (id) => cluster.laws.commits.shown(id),
    }
  }
  /** Ids by name of the job. */
  const ids = new Map<string, string>()
  const asked: { readonly what: string; isSettled: boolean }[] = []
  let faults = 0
  let endOfTroubleMs = 0

  /** Whoever asks is told, however it ends. */
  function ask(what: string, answer: Promise<unknown>): void {
    const question = { what, isSettled: false }
    const process = cluster.hub?.process
    asked.push(question)
    answer.then(
      () => {
        question.isSettled = true
        cluster.note(`${what}: done`)
      },
      (error: Error) => {
        question.isSettled = true
        cluster.note(`${what}: ${error.message}`)
      },
    )
    // Nobody waits for the dead.
    const dead = () => {
      if (process?.isDead) question.isSettled = true
      else if (!question.isSettled) cluster.clock.after(500, dead)
    }
    dead()
  }

  const submitting = new Set<string>()
  let submissions = 0
  function submit(job: JobShape): void {
    const { coordinator } = cluster
    if (coordinator === null || submitting.has(job.name)) return
    submitting.add(job.name)
    const submitted = coordinator.submit(
      `${job.name}-${(++submissions).toString(16).padStart(8, '0')}`,
      bundleOf(job.name),
      {
        ...(job.isReactive
          ? { reactive: { maxParallelism: job.parallelism } }
          : { parallelism: job.parallelism }),
        checkpoint: { interval: job.interval, timeout: 2_000, tolerableFailures: 1_000 },
        supervise: { maxRestarts: 1_000 },
        memoryMb: 0,
      },
      () => {},
    )
    submitted.then(
      () => {},
      () => submitting.delete(job.name),
    )
    ask(`submit ${job.name}`, submitted)
  }

  /** Of a job that the coordinator knows, or has known. */
  const idOf = (name: string): string | null => {
    const known = [...cluster.stores.jobs.keys(), ...cluster.ended.keys()].find((id) =>
      id.startsWith(`${name}-`),
    )
    if (known !== undefined) ids.set(name, known)
    return ids.get(name) ?? null
  }

  const isDone = () =>
    jobs.every(({ name }) => {
      const id = idOf(name)
      return id !== null && cluster.ended.has(id) && !cluster.stores.jobs.has(id)
    })

  function fault(): void {
    const { names } = cluster
    const name = names[pick(names.length)]!
    const other = names[pick(names.length)]!
    const ms = 100 + pick(4_500)
    faults++
    switch (pick(areFramesAstray ? 14 : 13)) {
      case 0:
        cluster.note(`FAULT reset ${name} ${other}`)
        return cluster.internet.reset(name, other)
      case 1:
        cluster.note(`FAULT cut ${name} ${other}`)
        cluster.internet.cut(name, other)
        cluster.internet.cut(other, name)
        return heal(ms)
      case 2:
        cluster.note(`FAULT one way ${name} ${other}`)
        cluster.internet.cut(name, other)
        return heal(ms)
      case 3:
        cluster.note(`FAULT isolate ${name}`)
        for (const each of names) {
          if (each === name) continue
          cluster.internet.cut(name, each)
          cluster.internet.cut(each, name)
        }
        return heal(ms)
      case 4:
      case 5:
        cluster.note(`FAULT pause ${name} ${ms}`)
        cluster.pause(name)
        cluster.clock.after(ms, () => cluster.resume(name))
        return
      case 6:
      case 7:
        cluster.note(`FAULT kill ${name} ${ms}`)
        cluster.kill(name)
        cluster.clock.after(ms, () => {
          cluster.start(name)
        })
        return
      case 8:
      case 9:
        return coordinatorDies()
      case 10: {
        const role = pick(2) === 0 ? 'control' : 'data'
        cluster.note(`FAULT hold ${role} ${name} ${other}`)
        cluster.internet.hold(name, other, role)
        return heal(ms)
      }
      case 11: {
        const role = pick(2) === 0 ? 'control' : 'data'
        cluster.note(`FAULT break ${role} ${name} ${other}`)
        return cluster.internet.breakAt(name, other, role)
      }
      case 13:
        return attemptsEndUnheard()
      default: {
        const job = jobs[pick(jobs.length)]!
        const id = idOf(job.name)
        const count = 1 + pick(Math.min(3, slots))
        const { coordinator } = cluster
        if (id === null || coordinator === null || random() < 0.3) {
          if (coordinator !== null && name !== HUB) {
            cluster.note(`ASK evacuate ${name}`)
            try {
              ask(`evacuate ${name}`, coordinator.evacuate(name))
            } catch {}
          }
          return
        }
        cluster.note(`ASK rescale ${id} ${count}`)
        ask(`rescale ${id}`, coordinator.rescale(id, count))
      }
    }
  }

  /** What attempts have sent to another node is under way when they end, and arrives when the next ones run. */
  function attemptsEndUnheard(): void {
    const { clock, coordinator, internet } = cluster
    const a = pick(nodes.length)
    const b = (a + 1 + pick(nodes.length - 1)) % nodes.length
    cluster.note(`FAULT unheard ${nodes[a]!.name} ${nodes[b]!.name}`)
    const restart = () => {
      for (const { id } of coordinator?.jobs() ?? []) restartRegion(id)
    }
    internet.hold(nodes[a]!.name, nodes[b]!.name, 'data')
    restart()
    const againMs = 200 + pick(1_000)
    clock.after(againMs, restart)
    heal(againMs + 200 + pick(800))
  }

  /** Alone, so that its jobs may be adopted; or while something else happens to them. */
  function coordinatorDies(): void {
    const { coordinator } = cluster
    const [a, b] = [nodes[pick(nodes.length)]!.name, nodes[pick(nodes.length)]!.name]
    const disturbance = pick(4)
    cluster.note(`FAULT takeover ${disturbance}`)
    if (disturbance === 1) cluster.internet.reset(a, b)
    if (disturbance === 2) {
      for (const { id } of coordinator?.jobs() ?? []) restartRegion(id)
    }
    cluster.clock.after(pick(60), () => cluster.kill(HUB))
    if (disturbance === 3) cluster.clock.after(pick(500), () => cluster.internet.reset(a, b))
    cluster.clock.after(100 + pick(1_500), () => cluster.start(HUB))
  }

  /** Where it does not run that is refused. */
  function restartRegion(id: string): void {
    try {
      cluster
        .coordinator!.job(id)
        .restartRegion(0)
        .catch(() => {})
    } catch {}
  }

  /** Someone starts another coordinator in its place, on data that is not of this cluster's present. */
  function outdated(): void {
    const terms = seed % 20 === 0 ? 1 : 0
    if (!cluster.startOutdated(terms)) return
    cluster.note(`FAULT outdated coordinator, by ${terms} terms`)
    faults++
    cluster.clock.after(500 + pick(2_000), () => {
      cluster.kill(HUB)
      cluster.start(HUB)
    })
  }

  function restartOften(): void {
    if (cluster.clock.now() >= endOfTroubleMs) return
    for (const { id } of cluster.coordinator?.jobs() ?? []) restartRegion(id)
    cluster.clock.after(100 + pick(800), restartOften)
  }

  function heal(ms: number): void {
    cluster.clock.after(ms, () => {
      cluster.note('heal')
      cluster.internet.heal()
    })
  }

  const failed: string[] = []
  const onRejection = (error: unknown) => {
    failed.push(`unhandled: ${(error as Error)?.stack ?? error}`)
  }
  process.on('unhandledRejection', onRejection)
  try {
    for (const name of cluster.names) cluster.start(name)
    await cluster.runFor(50)
    const troubled = random() < 0.95
    endOfTroubleMs = cluster.clock.now() + TROUBLE_MS
    const scheduleFault = () => {
      if (cluster.clock.now() >= endOfTroubleMs) return
      fault()
      cluster.clock.after(100 + pick(2_500), scheduleFault)
    }
    if (troubled) cluster.clock.after(pick(3_000), scheduleFault)
    if (isRestless) restartOften()
    if (seed % 10 === 0) cluster.clock.after(500 + pick(TROUBLE_MS), outdated)
    // About when sources end: what says so is among what arrives late.
    if (areFramesAstray) cluster.clock.after(3_700 + pick(1_500), attemptsEndUnheard)
    const look = () => {
      for (const job of jobs) if (idOf(job.name) === null) submit(job)
      cluster.clock.after(200, look)
    }
    look()
    await cluster.runFor(TROUBLE_MS)
    cluster.note('all is healed')
    cluster.internet.strays?.calm()
    cluster.internet.heal()
    for (const name of cluster.names) {
      cluster.resume(name)
      cluster.start(name)
      if (name !== HUB) {
        cluster.clock.after(5_000, () => {
          cluster.coordinator?.cordon(name, false).catch(() => {})
        })
      }
    }
    if (!(await cluster.runUntil(isDone, END_MS))) {
      const states = cluster.coordinator?.jobs().map(({ id, state }) => `${id} ${state}`)
      return outcome(`not done: ${states?.join(', ')}`)
    }
    for (const job of jobs) {
      const state = cluster.ended.get(idOf(job.name)!)
      if (state !== 'Finished') return outcome(`${job.name} ended ${state}`)
      const verdict = judge(job)
      if (verdict !== null) return outcome(`${job.name}: ${verdict}`)
    }
    // What is pending has its deadlines, and who was away has to join.
    for (let tries = 0; tries < 15 && (await leftBehind()) !== null; tries++) {
      await cluster.runFor(1_000)
    }
    return outcome(failed[0] ?? (await leftBehind()))
  } finally {
    process.off('unhandledRejection', onRejection)
  }

  /** What should be gone by now. */
  async function leftBehind(): Promise<string | null> {
    const views: { readonly name: string; readonly taken: number }[] = []
    cluster.coordinator?.nodes().then(
      (nodes) => views.push(...nodes),
      () => {},
    )
    await cluster.settle()
    if (views.length !== nodes.length) return `${views.length} of ${nodes.length} nodes are members`
    const taken = views.find((view) => view.taken > 0)
    if (taken !== undefined) return `${taken.name} has ${taken.taken} slots taken`
    for (const { node } of cluster.nodes.values()) {
      if (node.slots.length > 0) return `${node.name} hosts ${node.slots.join(', ')}`
    }
    const question = asked.find(({ isSettled }) => !isSettled)
    if (question !== undefined) return `"${question.what}" was never answered`
    const calls = cluster.internet.unanswered.filter((call) => call !== 'heartbeat')
    if (calls.length > 0) return `calls are pending: ${calls.join(', ')}`
    return null
  }

  function outcome(verdict: string | null): Outcome {
    const broken = cluster.laws.violations
    const end = failed[0] ?? verdict
    const told = (kind: string) => cluster.events.filter((event) => event.includes(kind)).length
    const events = process.env.SHOW_EVENTS === undefined ? [] : cluster.events
    return {
      verdict: broken[0] ?? end,
      broken,
      end,
      faults,
      slots: told('SlotStarted'),
      returns: told('NodeReturned'),
      adopted: told('JobAdopted'),
      begunAgain: told('begins again:'),
      events,
    }
  }
}
