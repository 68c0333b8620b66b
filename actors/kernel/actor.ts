/**
 * An actor: a mailbox that survives, lives that come and go, and the orders of its supervisor.
 *
 * ## States
 * - `down`: no life. Before the first start, and between two lives. Messages wait.
 * - `running`: takes messages and works.
 * - `suspended`: has a life that takes nothing. It has failed, or its group is being restarted, and
 *   it waits for an order.
 * - `closing`: the life has ended; its children stop, then its resources are released.
 * - `stopped`: for good.
 * From the order to stop on, messages are undelivered: none would be processed any more.
 *
 * | state | start | suspend | resume | takeDown |
 * |---|---|---|---|---|
 * | down | → running | forgets a start that was ordered | – | → down or stopped |
 * | running | – | → suspended | – | → closing |
 * | suspended | – | – | → running | → closing |
 * | closing | – | – | – | joins; 'stop' makes it the last life |
 * | stopped | – | – | – | done at once |
 *
 * An order, other than to suspend, is noted and obeyed in the actor's next turn, before anything else.
 * 'close' is never replaced by a weaker order.
 */
import { unreachable } from '../../lib/base/assert.js'
import type { Cancel, Clock } from '../../lib/base/clock.js'
import type { During, Failure } from '../../lib/supervision/failure.js'
import { type Supervision, supervise } from '../../lib/supervision/strategy.js'
import type { Ending, Setup, SpawnOptions, TurnBudget } from './behaviour.js'
import type { Runnable } from './dispatcher.js'
import type { Environment } from './environment.js'
import { Life, type Owner } from './life.js'
import { Mailbox, mailboxFull } from './mailbox.js'
import { type ActorRef, type Lane, type Watchable, whenEnded } from './ref.js'
import { release } from './release.js'
import { type Supervised, Supervisor } from './supervisor.js'

type State = 'down' | 'running' | 'suspended' | 'closing' | 'stopped'
type Order = 'start' | 'resume' | 'close' | 'release'

/** Makes a child of `parent` and starts it. */
export function spawn<M>(
  environment: Environment,
  parent: Supervisor,
  parentPath: string,
  name: string,
  setup: Setup<M>,
  options: SpawnOptions = {},
): ActorRef<M> & Watchable {
  parent.assertRoomFor(name)
  const actor = new Actor(environment, parent, `${parentPath}/${name}`, name, setup, options)
  parent.add(actor)
  return actor
}

class Actor<M> implements ActorRef<M>, Watchable, Supervised, Runnable, Owner<M> {
  readonly path: string
  readonly name: string
  readonly region: string | null
  scheduled = false
  readonly #environment: Environment
  readonly #parent: Supervisor
  readonly #setup: Setup<M>
  readonly #supervision: Supervision
  readonly #mailbox: Mailbox<M>
  #state: State = 'down'
  #order: Order | null = null
  #life: Life<M> | null = null
  /** Reported from outside a turn; a failure once the actor has its turn. */
  #reported: { readonly thrown: unknown; readonly during: During } | null = null
  /** What the hook in hand is, for the failure if it throws. */
  #during: During = 'setup'
  /** This life is the last and takes no more messages. */
  #isEnding = false
  #endedBy: Failure | null = null
  #onDown: (() => void)[] = []
  readonly #watchers = new Set<(failure: Failure | null) => void>()

  constructor(
    environment: Environment,
    parent: Supervisor,
    path: string,
    name: string,
    setup: Setup<M>,
    options: SpawnOptions,
  ) {
    this.#environment = environment
    this.#parent = parent
    this.path = path
    this.name = name
    this.region = options.region ?? null
    this.#setup = setup
    this.#supervision = supervise(options.supervise)
    this.#mailbox = new Mailbox(options.mailboxCapacity)
  }

  // As a ref.

  tell(message: M): void {
    if (this.#isEnding) this.#undelivered('data', message)
    else if (!this.#mailbox.tell(message)) throw mailboxFull(this.path, 'data', this.#mailbox.size)
    else if (this.#state === 'running') this.wake()
  }

  control(message: M): void {
    if (this.#isEnding) this.#undelivered('control', message)
    else if (!this.#mailbox.control(message))
      throw mailboxFull(this.path, 'control', this.#mailbox.controls)
    else if (this.#state === 'running') this.wake()
  }

  [whenEnded](listener: (failure: Failure | null) => void): Cancel {
    if (this.#state === 'stopped') {
      listener(this.#endedBy)
      return () => {}
    }
    // A function of its own, so that two equal listeners are two.
    const watcher = (failure: Failure | null) => listener(failure)
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  // As the owner of its life.

  get self(): ActorRef<M> {
    return this
  }

  get clock(): Clock {
    return this.#environment.clock
  }

  get arrived(): number {
    return this.#mailbox.pushed
  }

  spawn<C>(
    parent: Supervisor,
    name: string,
    setup: Setup<C>,
    options: SpawnOptions | undefined,
  ): ActorRef<C> {
    return spawn(this.#environment, parent, this.path, name, setup, options)
  }

  stopSelf(): void {
    this.takeDown('stop', null, () => {})
  }

  wake(): void {
    this.#environment.dispatcher.schedule(this)
  }

  fail(thrown: unknown, during: During): void {
    if (this.#reported === null) this.#reported = { thrown, during }
    else this.#environment.note(this.path, during, thrown)
    this.wake()
  }

  // As a child of its supervisor.

  get isStopped(): boolean {
    return this.#state === 'stopped'
  }

  start(): void {
    if (this.#state === 'down') this.#command('start')
  }

  suspend(): void {
    if (this.#order === 'start' || this.#order === 'resume') this.#order = null
    if (this.#state === 'running') this.#state = 'suspended'
  }

  resume(): void {
    if (this.#state === 'suspended') this.#command('resume')
  }

  takeDown(why: Ending, failure: Failure | null, done: () => void): void {
    if (this.#state === 'stopped') {
      done()
      return
    }
    this.#onDown.push(done)
    if (why === 'stop') {
      this.#isEnding = true
      this.#endedBy ??= failure
    }
    if (this.#state !== 'closing') this.#command('close')
  }

  // Its turns.

  turn(budget: TurnBudget): boolean {
    for (;;) {
      if (this.#order !== null) this.#obey(this.#order)
      else if (this.#state !== 'running') return false
      else if (this.#reported !== null) this.#failAsReported(this.#reported)
      else if (!this.#step(this.#life!, budget)) return false
      else if (this.#hasMore() && budget.exhausted()) return true
    }
  }

  /** One unit of work; false when there is none. */
  #step(life: Life<M>, budget: TurnBudget): boolean {
    const mailbox = this.#mailbox
    try {
      if (mailbox.controls > 0) {
        this.#during = 'receive'
        life.receive(mailbox.takeControl())
      } else if (life.hasDeath(mailbox.taken)) {
        this.#during = 'terminated'
        life.terminated()
      } else if (mailbox.size > 0) {
        this.#during = 'receive'
        life.receive(mailbox.take())
      } else if (life.isReady) {
        this.#during = 'work'
        life.work(budget)
      } else {
        return false
      }
    } catch (thrown) {
      if (this.#during === 'receive') this.#environment.counts.lost++
      this.#onThrown(thrown, this.#during)
    }
    return true
  }

  #hasMore(): boolean {
    return (
      this.#mailbox.size > 0 ||
      this.#mailbox.controls > 0 ||
      this.#order !== null ||
      this.#life!.isReady ||
      this.#life!.hasDeath(this.#mailbox.taken)
    )
  }

  #obey(order: Order): void {
    this.#order = null
    switch (order) {
      case 'start':
        this.#begin()
        break
      case 'resume':
        this.#goOn(this.#life!)
        break
      case 'close':
        this.#close()
        break
      case 'release':
        this.#release(this.#life!)
        break
      default:
        unreachable(order)
    }
  }

  #begin(): void {
    const children = new Supervisor(this.path, this.#environment, this.#supervision, (error) =>
      this.fail(error, 'child'),
    )
    const life = new Life<M>(this, children)
    this.#life = life
    this.#state = 'running'
    try {
      this.#during = 'setup'
      life.begin(this.#setup)
      this.#during = 'started'
      life.behaviour!.started?.(life)
    } catch (thrown) {
      this.#onThrown(thrown, this.#during)
    }
  }

  #goOn(life: Life<M>): void {
    this.#state = 'running'
    life.children.resumeEscalated()
    try {
      life.behaviour!.resumed?.(life)
    } catch (thrown) {
      this.#onThrown(thrown, 'resumed')
    }
  }

  #failAsReported({ thrown, during }: { thrown: unknown; during: During }): void {
    this.#reported = null
    this.#onThrown(thrown, during)
  }

  #onThrown(thrown: unknown, during: During): void {
    this.#state = 'suspended'
    this.#parent.onFailed(this, thrown, during)
  }

  #close(): void {
    this.#state = 'closing'
    this.#reported = null
    const life = this.#life
    if (life === null) {
      this.#onClosed()
      return
    }
    life.end()
    life.children.close(() => this.#command('release'))
  }

  #release(life: Life<M>): void {
    const { clock, stopTimeoutMs } = this.#environment
    const note = (thrown: unknown) => this.#environment.note(this.path, 'stopped', thrown)
    const stopped = () => life.behaviour?.stopped?.(life, this.#isEnding ? 'stop' : 'restart')
    release(stopped, clock, stopTimeoutMs, note, () => this.#onClosed())
  }

  #onClosed(): void {
    this.#life = null
    this.#state = this.#isEnding ? 'stopped' : 'down'
    if (this.#isEnding) this.#onStopped()
    const waiting = this.#onDown
    this.#onDown = []
    for (const done of waiting) done()
  }

  #onStopped(): void {
    const mailbox = this.#mailbox
    while (mailbox.controls > 0) this.#undelivered('control', mailbox.takeControl())
    while (mailbox.size > 0) this.#undelivered('data', mailbox.take())
    this.#parent.remove(this)
    for (const watcher of this.#watchers) watcher(this.#endedBy)
    this.#watchers.clear()
  }

  #command(order: Order): void {
    if (this.#order === 'close') return
    this.#order = order
    this.wake()
  }

  #undelivered(lane: Lane, message: M): void {
    this.#environment.undelivered({ to: this.path, lane, message })
  }
}
