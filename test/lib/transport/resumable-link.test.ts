import t from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import { createVirtualClock } from '../../../lib/testing/virtual-clock.js'
import { createCalls, type MessageLink } from '../../../lib/transport/calls.js'
import {
  acceptOver,
  openOver,
  ResumableLink,
  UNACKNOWLEDGED_BYTES_MAX,
  UNACKNOWLEDGED_MAX,
} from '../../../lib/transport/resumable-link.js'
import { identityOf, MemoryInternet } from '../../support/memory-network.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed(1)

t.setTimeout(180_000)

/** Two processes, `a` of which dials `b`, over a network that takes up to `slowMs`. */
async function pair(slowMs = 0, seed = SEED) {
  const random = seededRandom(seed)
  const clock = createVirtualClock()
  const internet = new MemoryInternet(clock, () => Math.floor(random() * slowMs))
  const downs: (Error | null)[] = []
  const linkTo = (id: string) =>
    new ResumableLink({
      peer: { id },
      clock,
      messageBytesMax: 10_000,
      onDown: (reason) => downs.push(reason),
    })
  const [a, b] = [linkTo('b'), linkTo('a')]
  let known: ResumableLink | null = b
  let accepted: MessageLink | null = null
  const listener = await internet.of(identityOf('coordinator', 'b')).listen('b:1', {
    onControl: (connection) => {
      accepted = connection
      acceptOver(connection, () => known)
    },
    onData: () => {},
  })
  const network = internet.of(identityOf('node', 'a'))
  /** Runs all that is due within so long. */
  async function run(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed++) {
      clock.advance(1)
      await clock.settle()
    }
  }
  async function connect(how: 'open' | 'resume'): Promise<boolean | string> {
    let outcome: boolean | string = 'nothing'
    void network
      .dialControl(listener.url)
      .then((connection) => openOver(connection, a, 1, how))
      .then(
        (isKnown) => {
          outcome = isKnown
        },
        (error: Error) => {
          outcome = error.message
        },
      )
    for (let tries = 0; tries < 1_000 && outcome === 'nothing'; tries++) await run(1)
    return outcome
  }
  return {
    a,
    b,
    clock,
    internet,
    random,
    downs,
    run,
    connect,
    forget: () => {
      known = null
    },
    accepted: () => accepted!,
  }
}

t.test('a beat is no message, and waits for no connection', async (t) => {
  const { a, b, run, connect, accepted } = await pair()
  const heard: unknown[] = []
  a.onMessage((message) => heard.push(message))
  b.beat()
  t.equal(await connect('open'), true)
  for (let i = 0; i < 5; i++) b.beat()
  b.send('x')
  await run(1_000)
  t.same(heard, ['x'])
  accepted().close()
  await run(10)
  b.beat()
  t.equal(await connect('resume'), true)
  await run(1_000)
  t.same(heard, ['x'])
})

t.test('everything arrives once and in order, however often connections break', async (t) => {
  for (let seed = SEED; seed < SEED + 15; seed++) {
    const { a, b, internet, random, run, connect } = await pair(20, seed)
    const heard: Record<'a' | 'b', unknown[]> = { a: [], b: [] }
    a.onMessage((message) => heard.a.push(message))
    b.onMessage((message) => heard.b.push(message))
    t.equal(await connect('open'), true)
    let sent = 0
    for (let turn = 0; turn < 60; turn++) {
      for (let i = Math.floor(random() * 4); i > 0; i--) {
        a.send({ to: 'b', n: sent })
        b.send({ to: 'a', n: sent++ })
      }
      if (random() < 0.2) internet.reset('a', 'b')
      if (!a.isUp && random() < 0.5) await connect('resume')
      await run(Math.floor(random() * 10))
    }
    while (!a.isUp) await connect('resume')
    await run(2_000)
    const all = Array.from({ length: sent }, (_, n) => n)
    t.same(
      heard.a,
      all.map((n) => ({ to: 'a', n })),
      `seed ${seed}`,
    )
    t.same(
      heard.b,
      all.map((n) => ({ to: 'b', n })),
      `seed ${seed}`,
    )
  }
})

t.test('a call is answered over another connection than it was made on', async (t) => {
  const { a, b, clock, internet, run, connect } = await pair()
  const common = { deadlineMs: 10_000, clock }
  const calls = createCalls<{ double(n: number): Promise<number> }>({
    link: a,
    handlers: {},
    ...common,
  })
  let asked = 0
  createCalls({
    link: b,
    handlers: {
      double: async (n: number) => {
        asked++
        return n * 2
      },
    },
    ...common,
  })
  await connect('open')
  const answers = [calls.call('double', [1])]
  internet.reset('a', 'b')
  answers.push(calls.call('double', [2]))
  await run(10)
  t.equal(asked, 0)
  t.notOk(calls.isClosed, 'a lost connection is no end')
  t.equal(await connect('resume'), true)
  await run(10)
  t.same(await Promise.all(answers), [2, 4])
  t.equal(asked, 2)
})

t.test('whoever does not know the link any more says so', async (t) => {
  const { a, internet, connect, forget } = await pair()
  await connect('open')
  internet.reset('a', 'b')
  forget()
  t.equal(await connect('resume'), false)
  t.notOk(a.isUp)
})

t.test('a newer connection takes the place of one whose end is not known yet', async (t) => {
  const { a, b, downs, run, connect } = await pair()
  const heard: unknown[] = []
  b.onMessage((message) => heard.push(message))
  await connect('open')
  t.equal(await connect('resume'), true)
  a.send('over the newer one')
  await run(10)
  t.same(heard, ['over the newer one'])
  t.same(downs, [], 'nobody is told of the end of the older one')
})

t.test('an end is for good, and told to the other side', async (t) => {
  const { a, b, run, connect } = await pair()
  const ends: unknown[] = []
  a.onClose((reason) => ends.push(reason))
  b.onClose((reason) => ends.push(reason))
  await connect('open')
  a.close()
  await run(10)
  t.match(ends, [null, { code: 'E_LINK_CLOSED', retryable: true }])
  a.send('dropped')
  a.onClose((reason) => ends.push(reason))
  t.equal(ends.length, 3, 'whoever asks later is told at once')
})

t.test('what does not follow on what came before ends the link', async (t) => {
  const wrong: readonly unknown[] = [
    [0, 2, 0, 'a gap'],
    [0, 1, 7, 'acknowledges what was never sent'],
    [1, -1],
    [1, 'one'],
    [9],
    'no array',
    null,
  ]
  for (const message of wrong) {
    const { a, b, run, connect, accepted } = await pair()
    const ends: unknown[] = []
    b.onMessage(() => t.fail('heard'))
    a.onClose((reason) => ends.push(reason))
    await connect('open')
    b.onMessage(() => {})
    accepted().send(message)
    await run(10)
    t.match(ends, [{ code: 'E_LINK_DAMAGED' }], JSON.stringify(message))
  }
})

t.test('what begins with something else is closed', async (t) => {
  for (const message of [[0, 1, 0, 'x'], [3], [3, -1, null], [3, 1, 'x'], [3, 1.5, 0], {}]) {
    const { internet, run } = await pair()
    let closed: Error | null = null
    void internet
      .of(identityOf('node', 'c'))
      .dialControl('ws://b:1')
      .then((connection) => {
        connection.onClose((reason) => {
          closed = reason
        })
        connection.send(message)
      })
    await run(20)
    t.match(closed, { message: /damaged/ }, JSON.stringify(message))
  }
})

t.test('what cannot travel is refused at once, also while there is no connection', async (t) => {
  const { a, b, run, connect } = await pair()
  const heard: unknown[] = []
  b.onMessage((message) => heard.push(message))
  t.throws(() => a.send('x'.repeat(20_000)), { code: 'E_MESSAGE_SIZE' })
  t.throws(() => a.send(() => {}), { code: 'E_CANNOT_TRAVEL' })
  a.send('after them')
  await connect('open')
  await run(10)
  t.same(heard, ['after them'])
})

t.test('what waits for a connection is bounded', async (t) => {
  const { a } = await pair()
  let ended: Error | null = null
  a.onClose((reason) => {
    ended = reason
  })
  for (let n = 0; n < UNACKNOWLEDGED_MAX; n++) a.send(n)
  t.equal(ended, null)
  a.send('one more')
  t.match(ended, { code: 'E_LINK_LIMIT' })
})

t.test(
  'what waits for a connection is bounded in bytes, of what is not acknowledged',
  async (t) => {
    const { a, b, connect, run, internet } = await pair()
    let ended: Error | null = null
    a.onClose((reason) => {
      ended = reason
    })
    b.onMessage(() => {})
    const large = 'x'.repeat(9_900)
    const count = Math.floor(UNACKNOWLEDGED_BYTES_MAX / 10_000)
    for (let n = 0; n < count / 2; n++) a.send(large)
    await connect('open')
    await run(500)
    internet.reset('a', 'b')
    for (let n = 0; n < count; n++) a.send(large)
    t.equal(ended, null, 'what was acknowledged no longer counts')
    for (let n = 0; n < count / 50 && ended === null; n++) a.send(large)
    t.match(ended, {
      code: 'E_LINK_LIMIT',
      message: /b has not acknowledged 6\d\d\d messages of 67/,
    })
  },
)

t.test('a peer that acknowledges nothing loses its connection with the link', async (t) => {
  const { a, run, connect, accepted } = await pair()
  await connect('open')
  let closed: Error | null = null
  accepted().onClose((reason) => {
    closed = reason
  })
  for (let n = 0; n <= UNACKNOWLEDGED_MAX; n++) a.send(n)
  await run(10)
  t.notOk(a.isUp)
  for (let n = 0; n < 100 && closed === null; n++) await run(1_000)
  t.match(closed, { message: /limit/ })
})

t.test('what was received is acknowledged soon, also where nothing is to be said', async (t) => {
  const { a, b, clock, run, connect, accepted } = await pair()
  b.onMessage(() => {})
  await connect('open')
  const connection = accepted()
  const said: unknown[] = []
  const { send } = connection
  connection.send = (message) => {
    said.push(message)
    return send.call(connection, message)
  }
  for (let n = 0; n < 3; n++) a.send(n)
  await run(300)
  t.same(said, [[1, 3]])
  t.equal(clock.timers, 0, 'an idle link holds no timer')
})
