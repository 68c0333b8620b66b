import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { ActorContext, Behaviour, Setup } from '../../actors/kernel/behaviour.js'
import type { ActorRef, Undelivered } from '../../actors/kernel/ref.js'
import { type ActorSystemOptions, createActorSystem } from '../../actors/kernel/system.js'
import type { Clock } from '../../lib/base/clock.js'
import { seededRandom } from '../../lib/base/random.js'
import { DECISIONS, type Decision } from '../../lib/supervision/failure.js'
import type { SupervisionOptions } from '../../lib/supervision/strategy.js'
import { STRATEGIES, supervise } from '../../lib/supervision/strategy.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'

const ignore = { receive() {} }

function bench(options: ActorSystemOptions = {}) {
  const clock = createVirtualClock({ tasksMax: 10_000 })
  const letters: Undelivered[] = []
  const system = createActorSystem({
    clock,
    random: () => 0,
    name: 's',
    onDeadLetter: (letter) => letters.push(letter),
    ...options,
  })
  return { clock, letters, system }
}

/** A parent under the root, and children that log each life, count, and throw on demand. */
function family(supervision: SupervisionOptions, options: ActorSystemOptions = {}) {
  const { clock, letters, system } = bench({
    supervise: { restart: { firstMs: 1_000 } },
    ...options,
  })
  const log: string[] = []
  const refs: Record<string, ActorRef<string>> = {}
  const child =
    (name: string): Setup<string> =>
    () => {
      let count = 0
      return {
        started: () => void log.push(`${name} started`),
        receive(message) {
          if (message === 'throw') throw new Error(`boom in ${name}`)
          count++
          log.push(`${name} ${message} ${count}`)
        },
        resumed: () => void log.push(`${name} resumed`),
        stopped: (_, why) => void log.push(`${name} ${why}`),
      }
    }
  const parent = system.spawn<string>(
    'parent',
    (context) => {
      log.push('parent setup')
      refs.a = context.spawn('a', child('a'), { region: 'left' })
      refs.b = context.spawn('b', child('b'), { region: 'right' })
      refs.c = context.spawn('c', child('c'), { region: 'left' })
      return {
        ...ignore,
        stopped: (_, why) => void log.push(`parent ${why}`),
        terminated: (ref, failure) =>
          void log.push(`parent saw ${ref.path} end: ${failure?.error.message ?? 'stopped'}`),
      }
    },
    { supervise: { restart: { firstMs: 100 }, ...supervision } },
  )
  clock.runSoon()
  const tell = (name: string, message: string): void => {
    refs[name]!.tell(message)
    clock.runSoon()
  }
  /** What was logged since the last call. */
  const news = (): string[] => log.splice(0)
  news()
  return { clock, letters, system, parent, refs, tell, news }
}

// What is documented for each strategy × decision when `a` fails, beside the failure itself.
const inThree = (restarts: string) => restarts.split(', ')
const OUTCOMES: Record<
  string,
  { readonly now: string[]; readonly later: string[]; counts: string }
> = {
  'one-for-one restart': { now: ['a restart'], later: ['a started'], counts: 'a1 b2 c2' },
  'one-for-one resume': { now: ['a resumed'], later: [], counts: 'a2 b2 c2' },
  'one-for-one stop': {
    now: ['a stop', 'parent saw s/parent/a end: boom in a'],
    later: [],
    counts: 'a- b2 c2',
  },
  'all-for-one restart': {
    now: inThree('c restart, b restart, a restart'),
    later: inThree('a started, b started, c started'),
    counts: 'a1 b1 c1',
  },
  'all-for-one resume': { now: ['a resumed'], later: [], counts: 'a2 b2 c2' },
  'all-for-one stop': {
    now: [
      ...inThree('c stop, b stop, a stop'),
      ...['c', 'b', 'a'].map((name) => `parent saw s/parent/${name} end: boom in a`),
    ],
    later: [],
    counts: 'a- b- c-',
  },
  'region restart': {
    now: inThree('c restart, a restart'),
    later: inThree('a started, c started'),
    counts: 'a1 b2 c1',
  },
  'region resume': { now: ['a resumed'], later: [], counts: 'a2 b2 c2' },
  'region stop': {
    now: [
      ...inThree('c stop, a stop'),
      ...['c', 'a'].map((name) => `parent saw s/parent/${name} end: boom in a`),
    ],
    later: [],
    counts: 'a- b2 c-',
  },
}
// Escalation is the same whatever the strategy: the parent fails, and its own restart begins anew.
for (const strategy of STRATEGIES) {
  OUTCOMES[`${strategy} escalate`] = {
    now: inThree('c stop, b stop, a stop, parent restart'),
    later: inThree('parent setup, a started, b started, c started'),
    counts: 'a1 b1 c1',
  }
}

for (const strategy of STRATEGIES) {
  for (const decision of DECISIONS) {
    t.test(`${strategy} × ${decision} has exactly the documented outcome`, (t) => {
      const { clock, system, refs, tell, news } = family({ strategy, decide: () => decision })
      const expected = OUTCOMES[`${strategy} ${decision}`]!
      for (const name of ['a', 'b', 'c']) tell(name, 'count')
      news()
      tell('a', 'throw')
      // Deaths are seen at the end, in any order relative to the hooks of the other members.
      const now = news()
      const isDeath = (entry: string) => entry.startsWith('parent saw')
      t.strictSame(
        [...now.filter((entry) => !isDeath(entry)), ...now.filter(isDeath)],
        expected.now,
      )
      const delayMs = decision === 'escalate' ? 1_000 : 100
      clock.advance(delayMs - 1)
      t.strictSame(news(), [], 'nothing happens during the delay')
      clock.advance(1)
      t.strictSame(news(), expected.later)
      for (const name of ['a', 'b', 'c']) tell(name, 'count')
      const answers = news()
      const counts = ['a', 'b', 'c'].map((name) => {
        const answer = answers.find((entry) => entry.startsWith(`${name} count `))
        return `${name}${answer?.split(' ')[2] ?? '-'}`
      })
      t.equal(counts.join(' '), expected.counts)
      t.match(system.failures[0], {
        id: 1,
        path: 's/parent/a',
        during: 'receive',
        kind: 'user-code',
        attempt: 1,
        decision,
        delayMs: decision === 'restart' ? 100 : null,
        error: { message: 'boom in a' },
      })
      t.equal(system.failures.length, decision === 'escalate' ? 2 : 1)
      t.equal(system.counts.lost, 1, 'the message that failed, and no other')
      t.equal(refs.b!.path, 's/parent/b')
      t.end()
    })
  }
}

t.test('an escalated failure reaches the parent with its cause', (t) => {
  const { system, tell } = family({ decide: 'escalate' })
  tell('a', 'throw')
  t.match(system.failures[1], {
    path: 's/parent',
    during: 'child',
    kind: 'user-code',
    decision: 'restart',
    error: {
      code: 'E_ESCALATED',
      message: 's/parent/a failed and was escalated, because decided so: boom in a',
      cause: { message: 'boom in a' },
    },
  })
  t.end()
})

t.test('a parent that resumes after an escalation resumes the child too', (t) => {
  const { tell, news } = family({ decide: 'escalate' }, { supervise: { decide: 'resume' } })
  tell('a', 'count')
  tell('a', 'throw')
  tell('a', 'count')
  t.strictSame(news(), ['a count 1', 'a resumed', 'a count 2'])
  t.end()
})

t.test('a parent that resumes stops a child that never started', (t) => {
  const { clock, system } = bench({ supervise: { decide: 'resume' } })
  const seen: string[] = []
  system.spawn(
    'parent',
    (context) => {
      context.spawn<never>('child', () => {
        throw new Error('no setup')
      })
      return {
        ...ignore,
        resumed: () => void seen.push('resumed'),
        terminated: (ref, failure) => void seen.push(`${ref.path}: ${failure?.error.message}`),
      }
    },
    { supervise: { decide: 'escalate' } },
  )
  clock.runSoon()
  t.strictSame(seen, ['resumed', 's/parent/child: no setup'])
  t.equal(system.failures.length, 2)
  t.end()
})

t.test('at the root an escalation stops the actor and leaves its neighbours alone', async (t) => {
  const { clock, system } = bench({ supervise: { decide: 'escalate' } })
  const thrower = system.spawn<string>('thrower', () => ({
    receive() {
      throw new Error('boom')
    },
  }))
  const seen: string[] = []
  const other = system.spawn<string>('other', () => ({ receive: (m) => void seen.push(m) }))
  const ended = system.ended(thrower)
  thrower.tell('x')
  clock.runSoon()
  other.tell('y')
  clock.runSoon()
  t.match(await ended, { decision: 'escalate', error: { message: 'boom' } })
  t.strictSame(seen, ['y'])
})

t.test('a restart keeps ref and mailbox, and messages wait there during the delay', (t) => {
  const { clock, refs, tell, news, system, letters } = family({ strategy: 'one-for-one' })
  const ref = refs.a!
  for (const message of ['throw', 'one', 'two']) ref.tell(message)
  clock.runSoon()
  t.strictSame(news(), ['a restart'])
  ref.tell('three')
  ref.control('urgent')
  clock.advance(99)
  t.strictSame(news(), [])
  clock.advance(1)
  t.strictSame(news(), ['a started', 'a urgent 1', 'a one 2', 'a two 3', 'a three 4'])
  tell('a', 'four')
  t.strictSame(news(), ['a four 5'])
  t.equal(system.counts.lost, 1)
  t.strictSame(letters, [])
  t.end()
})

t.test('the members of a failing group take no more messages, at once', (t) => {
  const { clock, refs, tell, news } = family({ strategy: 'all-for-one' })
  for (const name of ['b', 'c']) tell(name, 'before')
  news()
  refs.a!.tell('throw')
  for (const name of ['b', 'c']) refs[name]!.tell('beside')
  clock.advance(99)
  t.strictSame(news(), ['c restart', 'b restart', 'a restart'])
  clock.advance(1)
  const begun = ['a started', 'b started', 'b beside 1', 'c started', 'c beside 1']
  t.strictSame(news(), begun)
  t.end()
})

t.test('restarts in a row wait longer, with jitter, until ten quiet minutes have passed', (t) => {
  const { clock, system, tell } = family(
    { restart: { firstMs: 100, maxMs: 400, jitter: 0.5 }, maxRestarts: 100 },
    { random: seededRandom(5) },
  )
  for (let attempt = 1; attempt <= 5; attempt++) {
    tell('a', 'throw')
    clock.advance(400)
  }
  const delays = system.failures.map(({ delayMs }) => delayMs!)
  const bases = [100, 200, 400, 400, 400]
  for (const [index, delayMs] of delays.entries()) {
    t.ok(delayMs > bases[index]! / 2 && delayMs < bases[index]!, `${delayMs} of ${bases[index]} ms`)
  }
  t.ok(new Set(delays.slice(2)).size === 3, 'each by its own chance')
  t.strictSame(
    system.failures.map(({ attempt }) => attempt),
    [1, 2, 3, 4, 5],
  )
  clock.advance(10 * 60_000)
  tell('a', 'throw')
  t.equal(system.failures.at(-1)?.attempt, 1)
  t.end()
})

t.test('more restarts than allowed escalate: the parent fails, at the root the actor ends', (t) => {
  const { clock, system, tell } = family({ maxRestarts: 2, withinMs: 1_000 })
  for (let attempt = 1; attempt <= 3; attempt++) {
    tell('a', 'throw')
    clock.advance(attempt * 100)
  }
  t.strictSame(
    system.failures.map(({ path, decision }) => `${path} ${decision}`),
    ['s/parent/a restart', 's/parent/a restart', 's/parent/a escalate', 's/parent restart'],
  )
  t.match(system.failures[3]?.error.message, /the limit of 2 restarts within 1000 ms is reached/)

  const root = bench({ supervise: { maxRestarts: 3, restart: { firstMs: 10 } } })
  root.system.spawn('hopeless', () => {
    throw new Error('never')
  })
  root.clock.runUntilIdle()
  t.strictSame(
    root.system.failures.map(({ decision }) => decision),
    ['restart', 'restart', 'restart', 'escalate'],
  )
  t.equal(root.clock.now(), 10 + 20 + 40)
  t.end()
})

t.test('under one-for-one each child has its own count, under all-for-one they share it', (t) => {
  const run = (strategy: SupervisionOptions['strategy']) => {
    const { clock, system, tell } = family({ strategy: strategy!, maxRestarts: 2 })
    for (const name of ['a', 'b', 'c']) {
      tell(name, 'throw')
      clock.advance(500)
    }
    return system.failures.map(({ decision }) => decision).slice(0, 3)
  }
  t.strictSame(run('one-for-one'), ['restart', 'restart', 'restart'])
  t.strictSame(run('region'), ['restart', 'restart', 'restart'])
  t.strictSame(run('all-for-one'), ['restart', 'restart', 'escalate'])
  t.end()
})

t.test('decide sees the failure; when it throws, that is noted and the failure escalates', (t) => {
  const seen: unknown[] = []
  const { system, tell } = family({
    decide(failure) {
      seen.push(failure)
      throw new Error('undecided')
    },
  })
  tell('a', 'throw')
  t.match(seen, [{ path: 's/parent/a', decision: null, attempt: 1 }])
  t.strictSame(
    system.failures.map(({ path, during, decision }) => `${path} ${during} ${decision}`),
    ['s/parent decide none', 's/parent/a receive escalate', 's/parent child restart'],
  )
  t.end()
})

t.test('every hook that throws is a failure of its actor, with what was being done', (t) => {
  const boom = (): never => {
    throw new Error('boom')
  }
  const hooks: Record<string, (context: ActorContext<string>) => Behaviour<string>> = {
    setup: boom,
    started: () => ({ ...ignore, started: boom }),
    receive: (context) => {
      context.self.tell('x')
      return { receive: boom }
    },
    work: (context) => ({ ...ignore, started: () => context.ready(), work: boom }),
    terminated: (context) => {
      context.stop(context.spawn('child', () => ignore))
      return { ...ignore, terminated: boom }
    },
    callback: (context) => {
      context.clock.after(5, () => context.fail(new Error('boom')))
      return ignore
    },
  }
  for (const [during, setup] of Object.entries(hooks)) {
    const { clock, system } = bench({ supervise: { decide: 'stop' } })
    system.spawn('a', setup)
    clock.advance(10)
    t.match(system.failures, [{ path: 's/a', during, decision: 'stop' }], during)
  }
  t.end()
})

t.test('a timer that finds the control lane full is a failure of its actor', (t) => {
  const inner = createVirtualClock()
  const clock: Clock = {
    now: () => inner.now(),
    wallTime: () => inner.wallTime(),
    soon: (task) => inner.soon(task),
    // Fills the lane at the moment at which the timer is due.
    after: (delayMs, task) =>
      inner.after(delayMs, () => {
        for (let sent = 0; sent < 4_096; sent++) actor.control('x')
        task()
      }),
  }
  const { system } = bench({ clock, supervise: { decide: 'stop' } })
  const actor = system.spawn<string>('a', (context) => ({
    ...ignore,
    started: () => void context.after(5, 'one too many'),
  }))
  inner.advance(5)
  t.match(system.failures, [{ path: 's/a', during: 'timer', error: { code: 'E_MAILBOX_FULL' } }])
  t.end()
})

t.test('what failed before it started restarts, also when resume was decided', (t) => {
  const { clock, system } = bench({ supervise: { decide: 'resume' } })
  let lives = 0
  system.spawn('a', () => {
    lives++
    if (lives === 1) throw new Error('setup')
    return {
      ...ignore,
      started() {
        if (lives === 2) throw new Error('started')
      },
    }
  })
  clock.advance(100)
  clock.advance(200)
  t.equal(lives, 3)
  t.strictSame(
    system.failures.map(({ decision, during }) => `${during} ${decision}`),
    ['setup restart', 'started restart'],
  )
  t.end()
})

t.test('work that fails is not called again until the actor says that it is ready', (t) => {
  const { clock, system } = bench({ supervise: { decide: 'resume' } })
  let calls = 0
  const actor = system.spawn<string>('a', (context) => ({
    started: () => context.ready(),
    receive: () => context.ready(),
    work() {
      calls++
      throw new Error('boom')
    },
  }))
  clock.runSoon()
  t.equal(calls, 1)
  actor.tell('again')
  clock.runSoon()
  t.equal(calls, 2)
  t.end()
})

t.test('a restart ends the old life whole: children, timers, watches, late callbacks', (t) => {
  const { clock, system } = bench()
  const log: string[] = []
  const contexts: ActorContext<string>[] = []
  const watched = system.spawn<string>('watched', (context) => ({ receive: () => context.stop() }))
  const actor = system.spawn<string>('a', (context) => {
    const life = contexts.push(context)
    context.spawn<never>('child', () => ({
      ...ignore,
      stopped: () => void log.push(`child ${life}`),
    }))
    if (life === 1) {
      context.after(150, 'reminder of life 1')
      context.watch(watched)
    }
    return {
      receive(message) {
        if (message === 'throw') throw new Error('boom')
        log.push(message)
      },
      terminated: (ref) => void log.push(`saw ${ref.path}`),
      work() {
        log.push('worked')
        return 'idle'
      },
    }
  })
  clock.runSoon()
  actor.tell('throw')
  clock.advance(100)
  const [first] = contexts
  first?.fail(new Error('late'))
  first?.ready()
  first?.after(1, 'late timer')
  first?.stop()
  t.throws(() => first?.spawn('x', () => ignore), { code: 'E_STOPPING' })
  watched.tell('stop')
  clock.advance(1_000)
  t.strictSame(log, ['child 1'])
  t.equal(contexts.length, 2)
  t.equal(system.failures.length, 1)
  t.end()
})

t.test('a failing actor is taken down whole before its delay begins', async (t) => {
  const { clock, system } = bench()
  const log: string[] = []
  let finish = () => {}
  const actor = system.spawn<string>('a', () => ({
    started: () => void log.push('started'),
    receive() {
      throw new Error('boom')
    },
    stopped: () => new Promise<void>((resolve) => (finish = resolve)),
  }))
  clock.runSoon()
  actor.tell('x')
  clock.advance(200)
  await clock.settle()
  t.strictSame(log, ['started'], 'its resources are not released yet')
  finish()
  await clock.settle()
  clock.advance(100)
  t.strictSame(log, ['started', 'started'])
})

t.test('a child stopped during a restart of its group stays stopped, the others come back', (t) => {
  const { clock, system } = bench()
  const log: string[] = []
  const parent = system.spawn<string>(
    'parent',
    (context) => {
      const children = ['a', 'b', 'c'].map((name) =>
        context.spawn<string>(name, () => ({
          started: () => void log.push(`${name} started`),
          receive() {
            throw new Error('boom')
          },
        })),
      )
      return {
        receive(message) {
          if (message === 'stop b') context.stop(children[1])
          else children[0]!.tell(message)
        },
        terminated: (ref) => void log.push(`end of ${ref.path}`),
      }
    },
    { supervise: { strategy: 'all-for-one' } },
  )
  clock.runSoon()
  log.length = 0
  parent.tell('throw')
  clock.advance(50)
  parent.tell('stop b')
  clock.advance(50)
  t.strictSame(log, ['end of s/parent/b', 'a started', 'c started'])
  t.end()
})

t.test(
  'stopping the system cancels restarts, and a child that fails meanwhile just ends',
  async (t) => {
    const { clock, system, tell } = family({})
    tell('a', 'throw')
    const stopped = system.stop()
    await clock.settle()
    await stopped
    t.equal(clock.timers, 0, 'no restart is left waiting')

    const second = bench()
    let finish = () => {}
    let older: ActorRef<string> | undefined
    second.system.spawn('parent', (context) => {
      older = context.spawn<string>('older', () => ({
        receive() {
          throw new Error('while closing')
        },
      }))
      context.spawn('younger', () => ({
        ...ignore,
        stopped: () => new Promise<void>((resolve) => (finish = resolve)),
      }))
      return ignore
    })
    second.clock.runSoon()
    const ended = second.system.stop()
    await second.clock.settle()
    older?.tell('x')
    await second.clock.settle()
    t.match(second.system.failures, [{ path: 's/parent/older', decision: 'stop' }])
    finish()
    await second.clock.settle()
    await ended
  },
)

t.test('stopping while a failed actor is being taken down starts it no more', async (t) => {
  const { clock, system } = bench()
  let lives = 0
  let finish = () => {}
  const actor = system.spawn<string>('a', () => {
    lives++
    return {
      receive() {
        throw new Error('boom')
      },
      stopped: () => new Promise<void>((resolve) => (finish = resolve)),
    }
  })
  actor.tell('x')
  clock.runSoon()
  const stopped = system.stop()
  clock.runSoon()
  finish()
  await clock.settle()
  await stopped
  t.equal(clock.timers, 0)
  clock.runUntilIdle()
  t.equal(lives, 1)
})

t.test('a new actor under an old name begins with a clean count', async (t) => {
  const { clock, system } = bench()
  for (let generation = 0; generation < 2; generation++) {
    const actor = system.spawn<string>('a', () => ({
      receive() {
        throw new Error('boom')
      },
    }))
    for (let failures = 0; failures < 2; failures++) {
      actor.tell('x')
      clock.advance(500)
    }
    system.stop(actor)
    clock.runSoon()
  }
  t.strictSame(
    system.failures.map(({ attempt }) => attempt),
    [1, 2, 1, 2],
  )
})

t.test(
  'an actor that stops and throws at once is stopped, and its failure is published',
  async (t) => {
    for (const decide of DECISIONS) {
      const { clock, system } = bench({ supervise: { decide } })
      const actor = system.spawn<string>('a', (context) => ({
        receive() {
          context.stop()
          throw new Error('boom')
        },
      }))
      actor.tell('x')
      clock.advance(1_000)
      t.equal((await system.ended(actor)) === null, decide === 'restart' || decide === 'resume')
      t.equal(system.failures.length, 1)
    }
  },
)

t.test(
  'failures$ gives every failure with its decision, and completes when all has stopped',
  async (t) => {
    const { clock, system, tell } = family({ decide: 'resume' })
    const seen: (Decision | string)[] = []
    system.failures$.subscribe({
      next: ({ id, decision }) => seen.push(`${id} ${decision}`),
      complete: () => seen.push('complete'),
    })
    tell('a', 'throw')
    tell('b', 'throw')
    const stopped = system.stop()
    await clock.settle()
    await stopped
    t.strictSame(seen, ['1 resume', '2 resume', 'complete'])
    t.equal(system.counts.failures, 2)
  },
)

t.test('the history is bounded, the count is not', (t) => {
  const { system, tell } = family({ decide: 'resume' }, { failuresKept: 3 })
  for (let failures = 0; failures < 5; failures++) tell('a', 'throw')
  t.strictSame(
    system.failures.map(({ id }) => id),
    [3, 4, 5],
  )
  t.equal(system.counts.failures, 5)
  t.end()
})

t.test('the example of supervised actors ends by itself and tells what happened', (t) => {
  const example = new URL('../../examples/supervised-actors.js', import.meta.url)
  execFile(process.execPath, [fileURLToPath(example)], (error, stdout, stderr) => {
    t.equal(error, null)
    t.equal(stderr, '')
    const told = stdout.trim().split('\n')
    const results = told.filter((line) => /: job \d: /.test(line))
    t.equal(results.length, 7, 'every job that is not poison is done')
    t.ok(told.some((line) => /worker-2 \[user-code\] job 4 is poison → restart after/.test(line)))
    t.ok(told.some((line) => /worker-3 \[input\] job 2 has no text → resume/.test(line)))
    t.equal(told.at(-1), '3 failures, 3 jobs lost')
    t.end()
  })
})

t.test('supervision that makes no sense is refused where it is given', (t) => {
  const { system } = bench()
  t.throws(() => system.spawn('a', () => ignore, { supervise: { maxRestarts: -1 } }), {
    code: 'E_BAD_SUPERVISION',
  })
  t.throws(() => createActorSystem({ supervise: { withinMs: -1 } }), { code: 'E_BAD_SUPERVISION' })
  t.equal(supervise().maxRestarts, 10)
  t.end()
})

t.test(
  'under any order of turns every actor ends up in one life, and no message is unaccounted for',
  (t) => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed)
      const strategy = STRATEGIES[seed % STRATEGIES.length]!
      const decide = () => DECISIONS[Math.floor(random() * 3)]!
      const { clock, letters, system } = bench({ pick: random, random, stepsMax: 2 })
      const refs: ActorRef<number>[] = []
      let handled = 0
      let living = 0
      system.spawn<never>(
        'parent',
        (context) => {
          for (let index = 0; index < 5; index++) {
            const region = index < 3 ? 'left' : 'right'
            const setup: Setup<number> = () => {
              living++
              return {
                receive() {
                  if (random() < 0.2) throw new Error('boom')
                  handled++
                },
                stopped() {
                  living--
                },
              }
            }
            refs.push(context.spawn<number>(`child-${index}`, setup, { region }))
          }
          return ignore
        },
        { supervise: { strategy, decide, maxRestarts: 1_000, restart: { firstMs: 1, maxMs: 5 } } },
      )
      clock.runSoon()
      let told = 0
      for (let round = 0; round < 40; round++) {
        for (const ref of refs) {
          ref.tell(round)
          told++
        }
        clock.advance(Math.floor(random() * 4))
      }
      clock.runUntilIdle()
      const accounted = handled + system.counts.lost + letters.length
      if (accounted !== told) t.fail(`seed ${seed}: ${told} told, ${accounted} accounted for`)
      const stopped = system.stop()
      clock.runUntilIdle()
      if (living !== 0) t.fail(`seed ${seed}: ${living} lives were not ended`)
      if (clock.timers !== 0) t.fail(`seed ${seed}: timers left`)
      void stopped
    }
    t.pass('60 seeds')
    t.end()
  },
)
