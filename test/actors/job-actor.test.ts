/** The job actor against slots that obey late, die and come back: a pool made by hand, no threads. */
import t from 'tap'
import { createJobActor } from '../../actors/job/job-actor.js'
import { JobBoard } from '../../actors/job/job-board.js'
import type { JobMessage } from '../../actors/job/protocol.js'
import { createRestartPolicy } from '../../actors/job/restart-policy.js'
import type { SlotPool } from '../../actors/job/slot-table.js'
import { createActorSystem } from '../../actors/kernel/system.js'
import { collect } from '../../actors/testing/index.js'
import type { Slot, SlotCommands } from '../../actors/worker/protocol.js'
import { noChunks } from '../../actors/worker/slot-host.js'
import { errorToData, MillraceError } from '../../lib/base/errors.js'
import { seededRandom } from '../../lib/base/random.js'
import { fromArray } from '../../lib/connectors/index.js'
import { planGraph } from '../../lib/graph/planner.js'
import { operatorRows, subtasksOf } from '../../lib/graph/subtasks.js'
import { pipeline, rebalance } from '../../lib/index.js'
import { createCounterTable, createOperatorTable } from '../../lib/metrics/counters.js'
import { type SupervisionOptions, supervise } from '../../lib/supervision/strategy.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'

const died = (slot: number) =>
  new MillraceError('E_WORKER_DIED', `slot ${slot} died`, { retryable: true })

/** A slot that notes what it is told, and answers at once unless told to wait or to fail. */
class FakeSlot implements Slot {
  onEvent: Slot['onEvent'] = () => {}
  onResults: Slot['onResults'] = async () => {}
  chunks: Slot['chunks'] = noChunks
  readonly told: string[] = []
  readonly commands: SlotCommands
  constructor(
    readonly index: number,
    setUp: () => Promise<void>,
    clear: () => Promise<void>,
    enumerate: SlotCommands['enumerate'],
  ) {
    const note =
      (text: string) =>
      async (...args: unknown[]) => {
        this.told.push(`${text} ${args.filter((arg) => typeof arg === 'number').join(' ')}`.trim())
      }
    this.commands = {
      setUp,
      connect: note('connect'),
      open: note('open'),
      start: note('start'),
      abort: note('abort'),
      clear,
      replace: note('replace'),
      enumerate,
      assign: note('assign'),
      snapshot: note('snapshot'),
      snapshotCompleted: note('snapshotCompleted'),
      snapshotAbandoned: note('snapshotAbandoned'),
      snapshotHurried: note('snapshotHurried'),
      drain: note('drain'),
      pause: note('pause'),
      resume: note('resume'),
      close: note('close'),
    }
  }

  die(): void {
    this.onEvent({ kind: 'SlotLost', error: errorToData(died(this.index)), operator: null })
  }

  async kill(): Promise<void> {
    this.told.push('kill')
  }
}

interface Options {
  readonly supervise?: SupervisionOptions
  /** How the set-up of the nth slot that is made ends. */
  readonly setUp?: (made: number) => Promise<void>
  readonly connect?: (made: number) => Promise<void>
  readonly clear?: () => Promise<void>
  /** Default: there are none. */
  readonly enumerate?: SlotCommands['enumerate']
  readonly replays?: boolean
  /** Subtasks of the source and the sink. Default: as many as slots. */
  readonly parallelism?: number
  /** How the nth record of what is deployed is saved. */
  readonly save?: (nth: number) => Promise<void>
}

function startJob(options: Options = {}) {
  const clock = createVirtualClock()
  const random = seededRandom(1)
  const { parallelism = 2 } = options
  const source = { ...fromArray([1]), replays: options.replays ?? true }
  const { graph } = pipeline('job', (flow) => {
    flow.from(source, { parallelism }).pipe(rebalance()).to(collect())
  }).compose()
  const plan = planGraph(graph, { parallelism })
  const made: FakeSlot[] = []
  const pool: SlotPool = {
    size: 2,
    create(index) {
      const at = made.length
      const setUp = () => options.setUp?.(at) ?? Promise.resolve()
      const { clear = async () => {} } = options
      const { enumerate = async () => ({ splits: [], concurrent: false }) } = options
      const slot = new FakeSlot(index, setUp, clear, enumerate)
      made.push(slot)
      return slot
    },
    connect: () => options.connect?.(made.length) ?? Promise.resolve(),
  }
  const counters = createCounterTable(subtasksOf(plan).length)
  const operatorCounters = createOperatorTable(operatorRows(plan))
  const operators = graph.nodes.map(({ label }) => label)
  const board = new JobBoard({
    job: 'job',
    clock,
    metricsIntervalMs: 1000,
    deliver: async () => {},
  })
  board.planned(plan, operators, counters, operatorCounters)
  const states: string[] = []
  const failures: (string | null)[] = []
  const delays: number[] = []
  const saves: number[] = []
  board.failures$.subscribe(({ decision }) => failures.push(decision))
  board.events$.subscribe((event) => {
    if (event.kind === 'StateChanged') states.push(event.to)
    if (event.kind === 'RegionRestarting') delays.push(event.delayMs)
  })
  const system = createActorSystem({ clock, random, supervise: { decide: 'stop' } })
  const policy = createRestartPolicy(
    supervise({ restart: { firstMs: 100, jitter: 0 }, maxRestarts: 3, ...options.supervise }),
    clock,
    random,
  )
  const settings = {
    inletCredits: 64,
    floatingCredits: 8,
    freeze: false,
    accountIntervalMs: 0,
    hotKeys: false,
    snapshots: null,
    memoryBytesMax: 0,
    state: { backend: 'heap' as const },
  }
  const module = { kind: 'bundle', file: 'none', args: { _: [] } } as const
  const actor = system.spawn<JobMessage>(
    'job',
    createJobActor({
      id: 'job',
      run: 'run',
      snapshots: null,
      plan,
      operators,
      pool,
      module,
      settings,
      counters,
      operatorCounters,
      ask: () => null,
      policy,
      board,
      taken: null,
      progress: [],
      deployed: async ({ attempts }) => {
        saves.push(attempts)
        await options.save?.(saves.length)
      },
    }),
  )
  return { clock, made, board, states, failures, delays, saves, actor }
}

t.test('all slots are linked and open before any of them starts', async (t) => {
  const { clock, made, states } = startJob()
  await clock.settle()
  t.same(states, ['Running'])
  for (const slot of made) t.same(slot.told, ['open 0 1', 'start 0 1'])
})

t.test('nothing is opened at an attempt that could not be saved', async (t) => {
  const job = startJob({
    save: async (nth) => {
      if (nth === 1) throw new Error('disk full')
    },
  })
  await job.clock.settle()
  t.notOk(job.made.some(({ told }) => told.some((text) => text.startsWith('open'))))
  t.same(job.delays, [100])
  job.clock.advance(100)
  await job.clock.settle()
  t.equal(job.states.at(-1), 'Running')
  t.same(job.saves, [1, 1, 2])
  for (const slot of job.made) t.ok(slot.told.includes('open 0 2'))
})

t.test('the place of a slot that hosts nothing is saved when it is ready', async (t) => {
  let ready = () => {}
  const job = startJob({
    parallelism: 1,
    setUp: (made) => (made === 0 ? Promise.resolve() : new Promise((up) => (ready = up))),
  })
  await job.clock.settle()
  t.equal(job.states.at(-1), 'Running')
  t.same(job.saves, [1])
  ready()
  await job.clock.settle()
  t.same(job.saves, [1, 1])
})

t.test(
  'a slot whose peer dies while they are linked becomes ready; the successor links',
  async (t) => {
    let connects = 0
    const job = startJob({
      connect: async () => {
        connects++
        if (connects === 1) throw died(1)
      },
    })
    await job.clock.settle()
    job.made[1]!.die()
    await job.clock.settle()
    job.clock.advance(100)
    await job.clock.settle()
    t.equal(job.made.length, 3)
    t.equal(job.states.at(-1), 'Running')
    t.ok(connects >= 2)
  },
)

t.test('slots that die again before the region has opened back off, and end the job', async (t) => {
  const job = startJob()
  await job.clock.settle()
  for (let deaths = 1; deaths <= 4; deaths++) {
    job.made.findLast(({ index }) => index === 1)!.die()
    await job.clock.settle()
    t.equal(job.made.length, 2 + deaths)
  }
  t.same(job.delays, [100, 200, 400])
  t.same(job.failures, ['restart', 'restart', 'restart', 'escalate'])
  await t.rejects(job.board.done, /slot 1 died/)
})

t.test('slots that are lost at once are one failure, and one restart', async (t) => {
  const job = startJob()
  await job.clock.settle()
  const loseBoth = async () => {
    for (const index of [0, 1]) job.made.findLast((slot) => slot.index === index)!.die()
    await job.clock.settle()
  }
  await loseBoth()
  t.same(job.delays, [100])
  t.same(job.failures, ['restart'])
  await loseBoth()
  t.same(job.delays, [100, 200], 'those that follow are lost at once, too')
  job.clock.advance(200)
  await job.clock.settle()
  t.equal(job.states.at(-1), 'Running')
  t.equal(job.made.length, 6)
})

t.test('a region that waits longer opens only when its last back-off is over', async (t) => {
  const job = startJob()
  await job.clock.settle()
  job.made[1]!.die()
  await job.clock.settle()
  job.clock.advance(50)
  job.made.at(-1)!.die()
  await job.clock.settle()
  t.equal(job.states.at(-1), 'Restarting')
  job.clock.advance(250)
  await job.clock.settle()
  t.equal(job.states.at(-1), 'Running')
})

t.test('an attempt that is aborted while its opening waits is not opened', async (t) => {
  const waiting: (() => void)[] = []
  const job = startJob({ clear: () => new Promise((done) => waiting.push(done)) })
  const again = async () => {
    job.made.findLast(({ index }) => index === 1)!.die()
    await job.clock.settle()
    job.clock.advance(200)
    await job.clock.settle()
  }
  await job.clock.settle()
  await again()
  t.equal(waiting.length, 1, 'what was prepared is cleared away first')
  await again()
  t.equal(waiting.length, 2)
  for (const done of waiting) done()
  await job.clock.settle()
  const opened = job.made[0]!.told.filter((text) => text.startsWith('open'))
  t.same(opened, ['open 0 1', 'open 0 3'])
  t.equal(job.states.at(-1), 'Running')
})

t.test('that an opening was aborted is no failure of its own', async (t) => {
  const job = startJob()
  await job.clock.settle()
  const die = async () => {
    job.made.findLast(({ index }) => index === 1)!.die()
    await job.clock.settle()
  }
  const { commands } = job.made[0]!
  const { open } = commands
  await die()
  let refuse: (error: Error) => void = () => t.fail('is not opened')
  commands.open = () =>
    new Promise((_, reject) => {
      refuse = reject
    })
  job.clock.advance(100)
  await job.clock.settle()
  await die()
  commands.open = open
  refuse(new MillraceError('E_ABORTED', 'the region was aborted while it opened'))
  await job.clock.settle()
  t.same(job.failures, ['restart', 'restart'])
  job.clock.advance(200)
  await job.clock.settle()
  t.equal(job.states.at(-1), 'Running')
})

t.test('a region that has never run restarts though its source cannot be read again', async (t) => {
  let setUps = 0
  const job = startJob({
    replays: false,
    setUp: async () => {
      setUps++
      if (setUps === 2) throw died(1)
    },
  })
  await job.clock.settle()
  job.made[1]!.die()
  await job.clock.settle()
  job.clock.advance(100)
  await job.clock.settle()
  t.equal(job.states.at(-1), 'Running')
})

t.test('the voice of a slot that was replaced is not heard', async (t) => {
  const job = startJob()
  await job.clock.settle()
  const old = job.made[1]!
  old.die()
  await job.clock.settle()
  job.clock.advance(100)
  await job.clock.settle()
  old.die()
  await job.clock.settle()
  t.equal(job.failures.length, 1)
  t.equal(job.states.at(-1), 'Running')
})

t.test('the echo of a death is no second failure, however long the new slot takes', async (t) => {
  const { clock, made, states, failures } = startJob({
    setUp: (made) => (made < 2 ? Promise.resolve() : new Promise((up) => clock.after(5000, up))),
  })
  await clock.settle()
  const error = errorToData(new MillraceError('E_CHANNEL_LOST', 'lost', { retryable: true }))
  const subtask = { chain: 0, index: 1 }
  made[1]!.onEvent({ kind: 'SubtaskFailed', subtask, attempt: 1, operator: 'source', error })
  await clock.settle()
  t.same(failures, [], 'the death is waited for')
  made[0]!.die()
  await clock.settle()
  clock.advance(1500)
  await clock.settle()
  clock.advance(4500)
  await clock.settle()
  t.same(failures, ['restart'])
  t.same(states, ['Running', 'Restarting', 'Running'])
})

t.test('cancelling kills every slot, and the job has ended', async (t) => {
  const job = startJob()
  await job.clock.settle()
  job.actor.control({ kind: 'Cancel' })
  await job.clock.settle()
  t.match(await job.board.done, { state: 'Cancelled', partial: true })
  for (const slot of job.made) t.equal(slot.told.at(-1), 'kill')
})

t.test('splits that are listed late are not handed to a slot that is not set up yet', async (t) => {
  let list = () => {}
  const listed = new Promise<void>((resolve) => {
    list = resolve
  })
  const { clock, made, board } = startJob({
    setUp: (nth) => (nth < 2 ? Promise.resolve() : new Promise(() => {})),
    enumerate: async () => {
      await listed
      return { splits: [{ id: 'one', data: {} }], concurrent: false }
    },
  })
  await clock.settle()
  for (const index of [0, 1]) {
    made[index]!.onEvent({ kind: 'SplitsRequested', subtask: { chain: 0, index }, attempt: 1 })
  }
  await clock.settle()
  made[1]!.die()
  await clock.settle()
  t.equal(made.length, 3, 'whoever has asked has a successor')
  list()
  await clock.settle()
  const given = made.map(({ told }) => told.filter((text) => text.startsWith('assign')).length > 0)
  t.same(given, [true, false, false])
  t.equal(board.state, 'Restarting')
})
