import t from 'tap'
import type { Behaviour, Setup } from '../../actors/kernel/behaviour.js'
import { Dispatcher, type Runnable } from '../../actors/kernel/dispatcher.js'
import { Mailbox } from '../../actors/kernel/mailbox.js'
import type { ActorRef, Undelivered } from '../../actors/kernel/ref.js'
import { StepBudget } from '../../actors/kernel/step-budget.js'
import { type ActorSystemOptions, createActorSystem } from '../../actors/kernel/system.js'
import type { Clock } from '../../lib/base/clock.js'
import { seededRandom } from '../../lib/base/random.js'
import type { Failure } from '../../lib/supervision/failure.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'

/** A system under a virtual clock, and a log that everything writes to. */
function bench(options: ActorSystemOptions = {}) {
  const clock = createVirtualClock({ tasksMax: 10_000 })
  const log: string[] = []
  const letters: Undelivered[] = []
  const system = createActorSystem({
    clock,
    random: () => 0,
    name: 's',
    onDeadLetter: (letter) => letters.push(letter),
    ...options,
  })
  return { clock, log, letters, system }
}

const ignore = { receive() {} }

t.test('the mailbox bounds each lane by itself', (t) => {
  const mailbox = new Mailbox<number>(2, 1)
  t.strictSame(
    [1, 2, 3].map((message) => mailbox.tell(message)),
    [true, true, false],
  )
  t.strictSame(
    [4, 5].map((message) => mailbox.control(message)),
    [true, false],
  )
  t.equal(mailbox.takeControl(), 4)
  t.strictSame([mailbox.take(), mailbox.take()], [1, 2])
  t.match(mailbox, { pushed: 2, taken: 2, size: 0, controls: 0 })
  t.end()
})

t.test('control messages overtake data, and each lane keeps its order', (t) => {
  const { clock, log, system } = bench()
  const actor = system.spawn<string>('a', () => ({
    receive(message, { self }) {
      log.push(message)
      if (message === 'd1') self.control('c3')
    },
  }))
  for (const message of ['d1', 'd2', 'd3']) actor.tell(message)
  for (const message of ['c1', 'c2']) actor.control(message)
  clock.runSoon()
  t.strictSame(log, ['c1', 'c2', 'd1', 'c3', 'd2', 'd3'])
  t.end()
})

t.test('a full lane throws at the sender, and a sender that does not catch it fails', (t) => {
  const { clock, system } = bench({ supervise: { decide: 'stop' } })
  const full = system.spawn<number>('full', () => ignore, { mailboxCapacity: 2 })
  full.tell(1)
  full.tell(2)
  t.throws(() => full.tell(3), {
    code: 'E_MAILBOX_FULL',
    retryable: true,
    message: /data lane of s\/full/,
  })
  full.control(4)
  clock.runSoon()
  const sender = system.spawn('sender', () => ({
    ...ignore,
    started() {
      for (const message of [1, 2, 3]) full.tell(message)
    },
  }))
  clock.runSoon()
  t.match(system.failures, [{ path: sender.path, error: { code: 'E_MAILBOX_FULL' } }])
  t.end()
})

t.test('a receive that returns a behaviour becomes it, from the next message on', (t) => {
  const { clock, log, system } = bench()
  const open: Behaviour<string> = {
    receive(message) {
      log.push(`open ${message}`)
      return closed
    },
  }
  const closed: Behaviour<string> = { receive: (message) => void log.push(`closed ${message}`) }
  const door = system.spawn('door', () => open)
  for (const message of ['a', 'b', 'c']) door.tell(message)
  clock.runSoon()
  t.strictSame(log, ['open a', 'closed b', 'closed c'])
  t.end()
})

t.test('work is done when no message waits, after ready, while it says so', (t) => {
  const { clock, log, system } = bench()
  let units = 3
  const actor = system.spawn<string>('a', (context) => ({
    started: () => context.ready(),
    receive: (message) => {
      log.push(message)
      if (message === 'more') {
        units = 1
        context.ready()
      }
    },
    work() {
      log.push(`work ${units}`)
      units--
      if (units === 1) context.self.tell('told by work')
      return units > 0 ? 'ready' : 'idle'
    },
  }))
  actor.tell('first')
  clock.runSoon()
  t.strictSame(log, ['first', 'work 3', 'work 2', 'told by work', 'work 1'])
  log.length = 0
  actor.tell('more')
  clock.runSoon()
  t.strictSame(log, ['more', 'work 1'])
  t.end()
})

t.test('a ready from within work is not lost', (t) => {
  const { clock, system } = bench()
  let calls = 0
  system.spawn('a', (context) => ({
    ...ignore,
    started: () => context.ready(),
    work() {
      calls++
      if (calls < 5) context.ready()
      return 'idle'
    },
  }))
  clock.runSoon()
  t.equal(calls, 5)
  t.end()
})

t.test('actors that are always ready share the thread turn by turn', (t) => {
  const { clock, log, system } = bench({ stepsMax: 2 })
  const busy =
    (name: string, units: number): Setup<never> =>
    (context) => ({
      ...ignore,
      started: () => context.ready(),
      work() {
        log.push(name)
        units--
        return units > 0 ? 'ready' : 'idle'
      },
    })
  system.spawn('a', busy('a', 6))
  system.spawn('b', busy('b', 4))
  clock.runSoon()
  t.equal(log.join(''), 'aabbaabbaa')
  t.end()
})

t.test(
  'a turn ends by time, and the event loop has its chance at the end of a slice',
  async (t) => {
    const system = createActorSystem({ budgetMs: 2 })
    let units = 0
    let isBusy = true
    system.spawn('busy', (context) => ({
      ...ignore,
      started: () => context.ready(),
      work(budget) {
        while (isBusy && !budget.exhausted()) units++
        return isBusy ? 'ready' : 'idle'
      },
    }))
    const other = system.spawn<ActorRef<number>>('other', () => ({
      receive: (reply) => reply.tell(1),
    }))
    // Timers and promises of the event loop come through beside an actor that never rests.
    const answer = await system.ask<ActorRef<number>, number>(other, (reply) => reply, 10_000)
    const unitsThen = units
    for (let turns = 0; turns < 10_000 && units === unitsThen; turns++) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    t.equal(answer, 1)
    t.ok(units > unitsThen, 'the busy one goes on')
    isBusy = false
    await system.stop()
  },
)

t.test('a slice ends by its budget on the given clock', (t) => {
  let nowMs = 0
  const slices: (() => void)[] = []
  const clock: Clock = {
    now: () => nowMs,
    wallTime: () => nowMs,
    after: () => () => {},
    soon: (task) => void slices.push(task),
  }
  const dispatcher = new Dispatcher({ clock, budgetMs: 4 })
  let units = 0
  const slow: Runnable = {
    scheduled: false,
    turn(budget) {
      const beganMs = nowMs
      do {
        units++
        nowMs += 0.3
      } while (!budget.exhausted())
      if (nowMs - beganMs > 1 + 0.3) t.fail(`a turn of ${nowMs - beganMs} ms`)
      return units < 100
    },
  }
  dispatcher.schedule(slow)
  dispatcher.schedule(slow)
  t.equal(dispatcher.ready, 1, 'stands in the queue once')
  let ran = 0
  for (let slice = slices.shift(); slice !== undefined; slice = slices.shift()) {
    const beganMs = nowMs
    slice()
    ran++
    if (nowMs - beganMs > 4 + 1 + 0.3) t.fail(`a slice of ${nowMs - beganMs} ms`)
  }
  t.equal(units, 100)
  t.ok(ran >= 6, `${ran} slices for 30 ms`)
  t.equal(dispatcher.turns, 25)
  t.end()
})

t.test('the look at the clock is rare for quick units and prompt for slow ones', (t) => {
  let nowMs = 0
  let looks = 0
  const clock = {
    ...createVirtualClock(),
    now() {
      looks++
      return nowMs
    },
  } as unknown as Clock
  const turn = (unitMs: (unit: number) => number): number => {
    const budget = new StepBudget(clock, 1, 100_000)
    const beganMs = nowMs
    budget.begin(nowMs)
    looks = 0
    for (let unit = 1; ; unit++) {
      nowMs += unitMs(unit)
      if (budget.exhausted()) {
        t.equal(budget.exhausted(), true, 'once over it stays over')
        return nowMs - beganMs
      }
    }
  }
  t.ok(turn(() => 0.0001) < 1.01)
  t.ok(looks < 10_000 / 64 + 20, `${looks} looks for 10,000 quick units`)
  t.ok(turn(() => 5) === 5, 'one slow unit is a turn')
  t.ok(
    turn((unit) => (unit < 1_000 ? 0.0005 : 0.2)) < 1 + 64 * 0.2,
    'bounded when the pace changes',
  )
  t.end()
})

t.test('pollers are asked between turns and told before the thread sleeps', (t) => {
  const { clock, log, system } = bench()
  const actor = system.spawn<string>('a', () => ({ receive: (message) => void log.push(message) }))
  clock.runSoon()
  const arriving: string[] = []
  let flushes = 1
  const remove = system.dispatcher.addPoller({
    poll() {
      const message = arriving.shift()
      if (message !== undefined) actor.tell(message)
      return message !== undefined
    },
    idle() {
      log.push('idle')
      if (flushes-- > 0) actor.tell('flushed')
    },
  })
  clock.runSoon()
  t.strictSame(log, ['idle', 'flushed', 'idle'], 'what idle brings is done before sleeping')
  log.length = 0
  arriving.push('x', 'y')
  system.dispatcher.wake()
  clock.runSoon()
  t.strictSame(log, ['x', 'y', 'idle'])
  t.equal(clock.tasks, 0, 'sleeps')
  remove()
  system.dispatcher.wake()
  clock.runSoon()
  t.equal(log.length, 3)
  t.end()
})

t.test('while a dispatcher is paused nobody has a turn, and afterwards nothing is missing', (t) => {
  const clock = createVirtualClock()
  const system = createActorSystem({ name: 's', clock })
  const seen: string[] = []
  let polls = 0
  system.dispatcher.addPoller({
    poll: () => {
      polls++
      return false
    },
    idle: () => {},
  })
  const actor = system.spawn<string>('a', () => ({ receive: (message) => void seen.push(message) }))
  actor.tell('before')
  clock.runUntilIdle()
  system.dispatcher.pause()
  const before = polls
  actor.tell('one')
  actor.control('two')
  system.dispatcher.wake()
  clock.runUntilIdle()
  t.same(seen, ['before'])
  t.equal(polls, before)
  t.equal(clock.tasks, 0, 'it does not spin')
  system.dispatcher.resume()
  clock.runUntilIdle()
  t.same(seen, ['before', 'two', 'one'])
  t.end()
})

t.test('a wake from within idle is not lost', (t) => {
  const { clock, system } = bench()
  let polls = 0
  let isFirst = true
  system.dispatcher.addPoller({
    poll() {
      polls++
      return false
    },
    idle() {
      if (isFirst) system.dispatcher.wake()
      isFirst = false
    },
  })
  clock.runSoon()
  t.equal(polls, 2)
  t.end()
})

t.test('a seeded pick replays a run, and other seeds give other orders', (t) => {
  const run = (seed: number): string => {
    const { clock, log, system } = bench({ pick: seededRandom(seed), stepsMax: 1 })
    for (const name of ['a', 'b', 'c', 'd']) {
      const actor = system.spawn<number>(name, () => ({
        receive: (message) => void log.push(`${name}${message}`),
      }))
      for (let message = 0; message < 3; message++) actor.tell(message)
    }
    clock.runSoon()
    for (const name of ['a', 'b', 'c', 'd']) {
      const own = log.filter((entry) => entry.startsWith(name))
      t.strictSame(
        own,
        [0, 1, 2].map((message) => `${name}${message}`),
        'order of one sender',
      )
    }
    return log.join(' ')
  }
  t.equal(run(1), run(1))
  t.ok(new Set([1, 2, 3, 4, 5].map(run)).size > 1)
  t.end()
})

t.test('names are checked, unique among the living, and part of the path', (t) => {
  const { clock, system } = bench()
  const codeOf = (action: () => unknown): string => {
    try {
      action()
    } catch (error) {
      return (error as { code: string }).code
    }
    return 'none'
  }
  const seen: string[] = []
  const a = system.spawn<never>('a', (context) => {
    seen.push(context.spawn<never>('child', () => ignore).path, context.path)
    seen.push(codeOf(() => context.spawn<never>('child', () => ignore)))
    return ignore
  })
  clock.runSoon()
  t.strictSame(seen, ['s/a/child', 's/a', 'E_NAME_TAKEN'])
  t.equal(
    codeOf(() => system.spawn('a', () => ignore)),
    'E_NAME_TAKEN',
  )
  t.equal(
    codeOf(() => system.spawn('', () => ignore)),
    'E_BAD_NAME',
  )
  t.equal(
    codeOf(() => system.spawn('x/y', () => ignore)),
    'E_BAD_NAME',
  )
  system.stop(a)
  clock.runSoon()
  t.equal(system.spawn('a', () => ignore).path, 's/a', 'a name is free again')
  system.stop()
  t.equal(
    codeOf(() => system.spawn('b', () => ignore)),
    'E_STOPPING',
  )
  t.end()
})

t.test('stopping ends children first, in reverse start order, and waits for each', async (t) => {
  const { clock, log, system } = bench()
  const finish: (() => void)[] = []
  const node =
    (name: string, children: readonly string[] = []): Setup<never> =>
    (context) => {
      for (const child of children) context.spawn<never>(child, node(child))
      return {
        ...ignore,
        stopped(_, why) {
          log.push(`${name} ${why}`)
          if (name === 'b') return new Promise<void>((resolve) => finish.push(resolve))
          return undefined
        },
      }
    }
  system.spawn('first', node('first'))
  system.spawn('top', node('top', ['a', 'b', 'c']))
  clock.runSoon()
  const stopped = system.stop()
  t.equal(system.stop(), stopped, 'one end, however often asked for')
  await clock.settle()
  t.strictSame(log, ['c stop', 'b stop'], 'a waits until b is down')
  finish[0]?.()
  await clock.settle()
  t.strictSame(log, ['c stop', 'b stop', 'a stop', 'top stop', 'first stop'])
  await stopped
  t.strictSame(system.failures, [])
  t.equal(clock.timers, 0, 'no deadline is left behind')
})

t.test('a stopped that hangs is not waited for beyond its deadline', async (t) => {
  const { clock, system } = bench({ stopTimeoutMs: 100 })
  const actor = system.spawn('a', () => ({ ...ignore, stopped: () => new Promise<void>(() => {}) }))
  clock.runSoon()
  let isDown = false
  const stopped = system.stop(actor).then(() => {
    isDown = true
  })
  clock.advance(99)
  await clock.settle()
  t.equal(isDown, false)
  clock.advance(1)
  await stopped
  t.match(system.failures, [
    { decision: 'none', during: 'stopped', error: { code: 'E_STOP_TIMEOUT' } },
  ])
})

t.test('a stopped that throws or rejects is published and changes nothing', async (t) => {
  const { clock, system } = bench()
  const thrower = system.spawn('thrower', () => ({
    ...ignore,
    stopped() {
      throw new Error('sync')
    },
  }))
  const rejecter = system.spawn('rejecter', () => ({
    ...ignore,
    stopped: () => Promise.reject(new Error('async')),
  }))
  clock.runSoon()
  const ended = Promise.all([system.ended(thrower), system.ended(rejecter)])
  const stopped = system.stop()
  await clock.settle()
  await stopped
  t.strictSame(await ended, [null, null], 'they ended by being stopped')
  t.match(
    system.failures.map(({ error, decision, path }) => [path, error.message, decision]),
    [
      ['s/rejecter', 'async', 'none'],
      ['s/thrower', 'sync', 'none'],
    ],
  )
})

t.test(
  'an actor that stops itself takes no further message, and those become dead letters',
  (t) => {
    const { clock, log, letters, system } = bench()
    const actor = system.spawn<string>('a', (context) => ({
      receive(message) {
        log.push(message)
        context.stop()
        context.self.tell('behind its end')
      },
      stopped: () => void log.push('stopped'),
    }))
    for (const message of ['one', 'two']) actor.tell(message)
    clock.runSoon()
    actor.tell('three')
    actor.control('four')
    t.strictSame(log, ['one', 'stopped'])
    t.same(letters.map(({ message, lane }) => `${lane} ${message}`).sort(), [
      'control four',
      'data behind its end',
      'data three',
      'data two',
    ])
    t.equal(system.counts.undelivered, 4)
    t.end()
  },
)

t.test('a dead-letter hook that throws harms nobody', (t) => {
  const { clock, system } = bench({
    onDeadLetter() {
      throw new Error('in the hook')
    },
  })
  const actor = system.spawn<string>('a', () => ignore)
  system.stop(actor)
  clock.runSoon()
  t.doesNotThrow(() => actor.tell('x'))
  t.match(system.failures, [{ error: { message: 'in the hook' }, decision: 'none' }])
  t.end()
})

t.test('death watch tells parents and watchers, with the failure that ended the actor', (t) => {
  const { clock, log, system } = bench()
  const report = (name: string) => (ref: ActorRef<never>, failure: Failure | null) =>
    void log.push(`${name}: ${ref.path} ${failure?.error.message ?? 'ended'}`)
  let doomed: ActorRef<string> | undefined
  system.spawn(
    'parent',
    (context) => {
      doomed = context.spawn<string>('doomed', (inner) => ({
        receive(message) {
          if (message === 'throw') throw new Error('boom')
          inner.stop()
        },
      }))
      return { ...ignore, terminated: report('parent') }
    },
    { supervise: { decide: 'stop' } },
  )
  clock.runSoon()
  const watching = (name: string, isUnwatching = false): void => {
    system.spawn(name, (context) => {
      context.watch(doomed!)
      context.watch(doomed!)
      if (isUnwatching) context.unwatch(doomed!)
      return { ...ignore, terminated: report(name) }
    })
  }
  watching('watcher')
  watching('unwatcher', true)
  clock.runSoon()
  doomed?.tell('throw')
  clock.runSoon()
  t.strictSame(log.sort(), ['parent: s/parent/doomed boom', 'watcher: s/parent/doomed boom'])
  log.length = 0
  watching('late')
  clock.runSoon()
  t.strictSame(log, ['late: s/parent/doomed boom'], 'also when it has ended before')
  t.end()
})

t.test('terminated comes after every message that the actor had sent before it ended', (t) => {
  const { clock, log, system } = bench({ stepsMax: 1 })
  system.spawn<string>('parent', (context) => {
    context.spawn<never>('child', (child) => ({
      ...ignore,
      started() {
        for (const message of ['1', '2', '3']) context.self.tell(message)
        child.stop()
      },
    }))
    return {
      receive: (message) => void log.push(message),
      terminated: (ref) => void log.push(`end of ${ref.path}`),
    }
  })
  clock.runSoon()
  t.strictSame(log, ['1', '2', '3', 'end of s/parent/child'])
  t.end()
})

t.test('a context stops itself and its children, and nobody else', (t) => {
  const { clock, log, system } = bench()
  const other = system.spawn<never>('other', () => ignore)
  system.spawn<never>('a', (context) => {
    const child = context.spawn<never>('child', () => ignore)
    context.stop(child)
    t.throws(() => context.stop(other), { code: 'E_NOT_A_CHILD' })
    t.throws(() => context.watch({ path: 'remote', tell() {}, control() {} }), {
      code: 'E_NOT_WATCHABLE',
    })
    return {
      ...ignore,
      terminated(ref) {
        log.push(ref.path)
        t.doesNotThrow(() => context.stop(child), 'a child that has stopped already')
      },
    }
  })
  clock.runSoon()
  t.strictSame(log, ['s/a/child'])
  t.end()
})

t.test('timers come by the control lane, can be cancelled, and end with the actor', (t) => {
  const { clock, log, letters, system } = bench()
  const actor = system.spawn<string>('a', (context) => ({
    started() {
      context.after(10, 'ten')
      context.after(20, 'twenty')()
      context.after(30, 'thirty')
    },
    receive: (message) => void log.push(`${message}@${clock.now()}`),
  }))
  clock.advance(10)
  t.strictSame(log, ['ten@10'])
  system.stop(actor)
  clock.advance(100)
  t.strictSame(log, ['ten@10'])
  t.strictSame(letters, [])
  t.equal(clock.timers, 0)
  t.end()
})

t.test('ask resolves with the answer, and rejects when late or when the actor stops', async (t) => {
  const { clock, system } = bench()
  type Question = { readonly value: number; readonly reply: ActorRef<number> }
  const actor = system.spawn<Question>('doubler', (context) => ({
    receive({ value, reply }) {
      if (value < 0) context.stop()
      else if (value > 0) reply.tell(value * 2)
    },
  }))
  const ask = (value: number) =>
    system.ask<Question, number>(actor, (reply) => ({ value, reply }), 100)
  const answers = [ask(21), ask(0)]
  clock.advance(100)
  t.equal(await answers[0], 42)
  await t.rejects(answers[1], { code: 'E_ASK_TIMEOUT', message: /s\/doubler did not answer/ })
  const [unanswered, afterwards] = [ask(-1), ask(1)]
  clock.runSoon()
  await t.rejects(unanswered, { code: 'E_ASK_STOPPED' })
  await t.rejects(afterwards, { code: 'E_ASK_STOPPED' })
  t.equal(clock.timers, 0, 'no deadline is left behind')
})

t.test('an idle system holds neither a task nor a timer', (t) => {
  const { clock, system } = bench()
  for (const name of ['a', 'b', 'c']) system.spawn<string>(name, () => ignore).tell('x')
  clock.runSoon()
  t.equal(clock.tasks + clock.timers, 0)
  t.equal(system.dispatcher.ready, 0)
  t.end()
})
