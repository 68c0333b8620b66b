/** What is done with nodes: they are looked at, cordoned, and evacuated. */
import type { Subject } from 'rxjs'
import { MillraceError } from '../../lib/base/errors.js'
import type { ClusterJob } from './cluster-job.js'
import type { Cordons } from './cordons.js'
import type { NodeRegistry } from './node-registry.js'
import type { ClusterEvent, NodeView } from './protocol.js'
import type { Room } from './reactive-desk.js'
import type { SlotDesk } from './slot-desk.js'

export interface NodeDeskOwner {
  readonly slots: SlotDesk
  readonly events$: Subject<ClusterEvent>
  /** Both are there once placement has answered. */
  registry(): NodeRegistry
  cordons(): Cordons
  jobs(): readonly ClusterJob[]
  roomFor(job: ClusterJob): Promise<Room>
  /** Of jobs that have not been taken over yet: resolves when none of their slots is left there. */
  vacateKept(node: string): Promise<void>
}

/** A job is asked so often to leave a node: each time another failure has come in between. */
const LEAVE_TRIES = 5

export class NodeDesk {
  readonly #owner: NodeDeskOwner
  readonly #evacuations = new Set<Evacuation>()

  constructor(owner: NodeDeskOwner) {
    this.#owner = owner
  }

  async nodes(): Promise<readonly NodeView[]> {
    const known = await this.#owner.slots.nodes()
    return this.#owner.registry().nodes.map(({ name, facts }) => ({
      name,
      slots: facts.slots,
      taken: known.get(name)?.taken.length ?? 0,
      labels: facts.labels,
      cordoned: known.get(name)?.cordoned ?? false,
      url: facts.url,
      version: facts.version,
      pid: facts.pid,
    }))
  }

  /**
   * Holds for whoever bears that name, however often it joins, until it is taken back. A node need not be
   * there to be uncordoned. Durable when it resolves.
   */
  async cordon(node: string, cordoned: boolean): Promise<void> {
    const cordons = this.#owner.cordons()
    if (cordoned || !cordons.has(node)) this.#checkNode(node)
    this.#giveNothingNew(node, cordoned)
    if (!cordoned) {
      for (const evacuation of this.#evacuations) if (evacuation.node === node) evacuation.giveUp()
    }
    await cordons.set(node, cordoned)
  }

  #giveNothingNew(node: string, cordoned: boolean): void {
    this.#owner.slots.cordoned(node, cordoned)
    this.#owner.events$.next({ kind: 'NodeCordoned', node, cordoned })
  }

  /**
   * Its work moves to other nodes, behind a checkpoint; what takes none is started again elsewhere. Resolves
   * when nothing is left on it. Several nodes can be evacuated at once. A job that finds too few slots
   * elsewhere waits for them, as long as its placement says, and says so; a reactive one has fewer then. The
   * node stays cordoned until it is uncordoned: whoever does that meanwhile gives the evacuation up.
   */
  async evacuate(node: string): Promise<void> {
    this.#checkNode(node)
    await Promise.all([this.cordon(node, true), this.vacate(node)])
  }

  /** As `evacuate`, of a node that goes by itself: when it is back it has work again. */
  async vacate(node: string): Promise<void> {
    const { cordons, events$ } = this.#owner
    if (!cordons().has(node)) this.#giveNothingNew(node, true)
    const evacuation = new Evacuation(node)
    this.#evacuations.add(evacuation)
    try {
      const jobs = this.#owner.jobs().filter((job) => job.nodes.has(node))
      const kept = this.#owner.vacateKept(node)
      const moved = allOrFirstError(jobs.map((job) => this.#leave(evacuation, job)))
      moved.catch(() => {})
      // What has left may have to wait for a place: the node need not.
      const isLeft = jobs.length === 0 ? moved : Promise.race([moved, evacuation.isEmpty])
      await Promise.race([Promise.all([kept, isLeft]), evacuation.isGivenUp])
    } finally {
      this.#evacuations.delete(evacuation)
      evacuation.isOver = true
    }
    events$.next({ kind: 'NodeEvacuated', node })
  }

  async #leave(evacuation: Evacuation, job: ClusterJob): Promise<void> {
    const { node } = evacuation
    for (let tries = 1; ; ) {
      // It may move for the sake of another node, and leave this one with it.
      await job.settled
      if (evacuation.isOver || !job.nodes.has(node) || !job.canMove) return
      const room = (await this.#owner.roomFor(job)).slots
      if (evacuation.isOver) return
      if (!job.canMove) continue
      const { slots, options } = job.record
      if (!job.takesSnapshots) return this.#evict(job, node)
      try {
        return await job.move(options.reactive === undefined || room === 0 ? slots : room)
      } catch (error) {
        if ((error as MillraceError).retryable !== true || ++tries > LEAVE_TRIES) throw error
      }
    }
  }

  /** It is started again elsewhere, as after a failure. */
  async #evict(job: ClusterJob, node: string): Promise<void> {
    const slots = this.#owner
      .registry()
      .slotsOn(node)
      .filter(({ ref }) => ref.startsWith(`${job.id}/`))
    await Promise.all(slots.map((slot) => slot.kill('the node is evacuated')))
  }

  slotEnded(): void {
    for (const evacuation of this.#evacuations) {
      if (this.#owner.registry().slotsOn(evacuation.node).length === 0) evacuation.emptied()
    }
  }

  #checkNode(node: string): void {
    const names = this.#owner.registry().nodes.map(({ name }) => name)
    if (names.includes(node)) return
    const list = names.length === 0 ? 'none has joined' : `there are: ${names.join(', ')}`
    const away = this.#owner.cordons().names.filter((name) => !names.includes(name))
    const cordoned = away.length === 0 ? '' : `; cordoned, and not there: ${away.join(', ')}`
    throw new MillraceError('E_NO_SUCH_NODE', `there is no node "${node}"; ${list}${cordoned}`)
  }
}

/** A node that is being left. */
class Evacuation {
  readonly node: string
  /** Nobody waits for it any more. */
  isOver = false
  /** Resolves when the last of its slots has ended. */
  readonly isEmpty: Promise<void>
  /** Rejects when somebody wants it to have work again. */
  readonly isGivenUp: Promise<never>
  emptied!: () => void
  giveUp!: () => void

  constructor(node: string) {
    this.node = node
    this.isEmpty = new Promise((resolve) => {
      this.emptied = resolve
    })
    this.isGivenUp = new Promise((_, reject) => {
      this.giveUp = () => reject(uncordoned(node))
    })
    this.isGivenUp.catch(() => {})
  }
}

const uncordoned = (node: string): MillraceError =>
  new MillraceError(
    'E_UNCORDONED',
    `node ${node} was uncordoned while its work was moved away: what is left on it stays`,
  )

async function allOrFirstError(all: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(all)).find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
}
