/** `results$` over a cluster: what is held of it is bounded, and whoever is slow slows the job down. */
import t, { type Test } from 'tap'
import { ResultInbox } from '../../actors/client/result-inbox.js'
import { ResultTap, type SendResults } from '../../actors/coordinator/result-tap.js'
import { MillraceError } from '../../lib/base/errors.js'
import { generate, results } from '../../lib/connectors/index.js'
import { pipeline } from '../../lib/index.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'
import { inMessages } from '../../lib/transport/in-messages.js'
import { EncodedRecord } from '../../lib/transport/record-parts.js'
import { followedJob } from '../support/followed-job.js'
import { HUB } from '../support/simulated-cluster.js'
import { testSeed } from '../support/test-seed.js'

t.setTimeout(400_000)

const SEED = testSeed(1)
const ID = 'stream-00000001'
const RECORDS = 4_000
const PER_SECOND = 100

/** A job that publishes, on a cluster with one client; `read`: what its source has given. */
async function streaming(t: Test) {
  let read = 0
  const next = (i: number) => {
    read = Math.max(read, i + 1)
    return i
  }
  const stream = () =>
    pipeline('stream', (flow) =>
      flow.from(generate(RECORDS, next, { perSecond: PER_SECOND })).to(results()),
    )
  const { cluster, process, client, job } = await followedJob(t, {
    seed: SEED,
    id: ID,
    pipeline: stream,
    ranMs: 2_000,
  })
  return {
    cluster,
    client,
    job,
    read: () => read,
    async pause(ms: number) {
      process.pause()
      cluster.internet.pause('cli')
      await cluster.runFor(ms)
      const waiting = cluster.internet.unanswered.filter((method) => method === 'results').length
      process.resume()
      cluster.internet.resume('cli')
      return waiting
    },
  }
}

t.test('without a subscriber nothing is sent, and nothing waits', async (t) => {
  const { cluster, read } = await streaming(t)
  const before = read()
  await cluster.runFor(5_000)
  t.ok(read() - before > 4 * PER_SECOND)
  t.notOk(cluster.internet.unanswered.includes('results'))
})

t.test('a subscriber that stands still holds the job up, and loses nothing', async (t) => {
  const { cluster, job, read, pause } = await streaming(t)
  const seen: unknown[] = []
  job.results$.subscribe({ next: (record) => seen.push(record), error: () => {} })
  await cluster.runFor(1_000)
  t.ok(seen.length > 0)
  const before = read()
  const waiting = await pause(8_000)
  t.ok(waiting > 0 && waiting <= 5, `${waiting} messages of the hub and of the node wait`)
  t.ok(read() - before < 2 * PER_SECOND, `${read() - before} records were read meanwhile`)
  let isOver = false
  void job.done.then(() => {
    isOver = true
  })
  await cluster.runUntil(() => isOver, 200_000)
  const [first] = seen as number[]
  t.same(
    seen,
    Array.from({ length: RECORDS - first! }, (_, i) => first! + i),
    'each once, in order, to the last',
  )
})

t.test('whoever wants no more, or is gone, holds nothing up', async (t) => {
  const { cluster, client, job, read } = await streaming(t)
  const taking = job.results$.subscribe({ error: () => {} })
  await cluster.runFor(1_000)
  taking.unsubscribe()
  await cluster.runFor(100)
  let before = read()
  await cluster.runFor(2_000)
  t.ok(read() - before > PER_SECOND)
  job.results$.subscribe({ error: () => {} })
  await cluster.runFor(1_000)
  cluster.internet.cut('cli', HUB)
  cluster.internet.cut(HUB, 'cli')
  // Until its silence is noticed.
  await cluster.runFor(13_000)
  before = read()
  await cluster.runFor(2_000)
  t.ok(read() - before > PER_SECOND)
  client.close()
})

t.test('a subscriber goes on when the connection is there again', async (t) => {
  const { cluster, job } = await streaming(t)
  let seen = 0
  job.results$.subscribe({ next: () => seen++, error: () => {} })
  await cluster.runFor(1_000)
  cluster.internet.reset('cli', HUB)
  await cluster.runFor(2_000)
  const before = seen
  await cluster.runFor(2_000)
  t.ok(seen - before > PER_SECOND)
})

const inbox = () => {
  const clock = createVirtualClock()
  const wishes: boolean[] = []
  const box: ResultInbox = new ResultInbox(clock, () => wishes.push(box.isWanted))
  const answers: number[] = []
  const take = (...records: readonly number[]) =>
    void box.take(records).then(() => answers.push(records.length))
  return { clock, box, wishes, answers, take }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

t.test(
  'what comes before the job is handed over waits for those who subscribe at once',
  async (t) => {
    const { box, take, answers, wishes } = inbox()
    box.hold()
    take(1, 2)
    box.end(null)
    await turn()
    t.same(answers, [], 'held, and unanswered')
    const heard: unknown[][] = [[], []]
    for (const each of heard) {
      box.results$.subscribe({
        next: (record) => each.push(record),
        complete: () => each.push('end'),
      })
    }
    box.release()
    await turn()
    t.same(heard, [
      [1, 2, 'end'],
      [1, 2, 'end'],
    ])
    t.same(answers, [2])
    t.same(wishes, [], 'it was wanted all along')
  },
)

t.test('where nobody subscribes in time, what was held is let go', async (t) => {
  const { box, take, answers, wishes } = inbox()
  box.hold()
  take(1, 2, 3)
  box.release()
  await turn()
  t.same(answers, [3])
  t.same(wishes, [false])
  box.results$.subscribe().unsubscribe()
  t.same(wishes, [false, true, false])
})

t.test('a message is answered when the last of it was taken, with turns in between', async (t) => {
  const { clock, box, take, answers } = inbox()
  const seen: unknown[] = []
  box.results$.subscribe((record) => {
    seen.push(record)
    clock.advance(15)
  })
  take(1, 2, 3)
  take(4)
  await turn()
  t.same([seen, answers], [[1, 2], []], 'others have their turn')
  clock.runSoon()
  await turn()
  t.same(
    [seen, answers],
    [
      [1, 2, 3, 4],
      [3, 1],
    ],
  )
})

t.test('a tap sends as much as there is credit for, and what waits goes together', async (t) => {
  const clock = createVirtualClock()
  const sent: { readonly records: readonly unknown[]; readonly answer: () => void }[] = []
  const send: SendResults = {
    records: (records, onSent) =>
      new Promise((answer) => {
        sent.push({ records, answer })
        onSent()
      }),
    part: async () => {},
  }
  const tap = new ResultTap(clock, send)
  let taken = 0
  for (let i = 0; i < 10; i++) {
    void tap.take([i]).then(() => taken++)
    clock.runSoon()
    await turn()
  }
  t.equal(sent.length, 4)
  t.equal(taken, 4)
  sent[0]!.answer()
  await turn()
  clock.runSoon()
  await turn()
  t.same(sent[4]!.records, [4, 5, 6, 7, 8, 9])
  t.equal(taken, 10)
  void tap.take([10]).then(() => taken++)
  tap.end()
  await turn()
  t.equal(taken, 11, 'who waits goes on')
})

/** A tap whose link takes no message of which the sum is above 10, and a client that answers when told to. */
function narrowTap() {
  const clock = createVirtualClock()
  const log: string[] = []
  const answers: (() => void)[] = []
  const send: SendResults = {
    async records(records, onSent) {
      const sum = (records as readonly number[]).reduce((so, each) => so + each, 0)
      if (sum > 10) throw new MillraceError('E_MESSAGE_SIZE', 'no')
      log.push(`sent ${records.join(' ')}`)
      onSent()
      await new Promise<void>((answer) => answers.push(answer))
    },
    async part({ at, total }, onSent) {
      log.push(`sent at ${at} of ${total}`)
      onSent()
      await new Promise<void>((answer) => answers.push(answer))
    },
  }
  const tap = new ResultTap(clock, send)
  const take = (name: string, ...records: readonly number[]) =>
    tap.take(records).then(() => log.push(`${name} goes on`))
  const settle = async () => {
    for (let i = 0; i < 10; i++) {
      clock.runSoon()
      await turn()
    }
  }
  return { tap, log, answers, take, settle }
}

t.test('a sink goes on when the last of what it has published is on its way', async (t) => {
  const { log, answers, take, settle } = narrowTap()
  void take('a', 8, 4).then(() => take('a', 1))
  void take('b', 3)
  await settle()
  t.same(log, ['sent 8', 'sent 4 3', 'a goes on', 'b goes on', 'sent 1', 'a goes on'])
  t.equal(answers.length, 3)
})

t.test(
  'what was too large for one message waits for credit before all that comes later',
  async (t) => {
    const { tap, log, answers, take, settle } = narrowTap()
    for (const first of ['a', 'b', 'c']) {
      void take(first, 1)
      await settle()
    }
    log.length = 0
    void take('d', 9, 7, 8, 6)
    await settle()
    void take('e', 2)
    await settle()
    t.same(log, ['sent 9'], 'the rest has no credit, and d no leave to go on')
    for (let i = 0; i < 4; i++) {
      answers.shift()!()
      await settle()
    }
    t.same(log, ['sent 9', 'sent 7', 'sent 8', 'sent 6', 'd goes on', 'sent 2', 'e goes on'])
    void take('f', 9, 9)
    await settle()
    tap.end()
    await settle()
    t.match(log.join(), /f goes on/, 'who waits goes on at the end')
  },
)

t.test('a single record that is too large for a message goes in parts, in its place', async (t) => {
  const { tap, log, answers, take, settle } = narrowTap()
  void take('a', 3, 11, 4)
  const large = EncodedRecord.of(new Uint8Array(600_000))
  void tap.take([large]).then(() => log.push('b goes on'))
  for (let i = 0; i < 10; i++) {
    await settle()
    answers.shift()?.()
  }
  const part = 256 * 1024
  const total = large.bytes.length
  t.ok(log.indexOf('a goes on') > log.indexOf('sent 4'))
  t.same(
    log.filter((line) => line !== 'a goes on'),
    [
      'sent 3',
      'sent at 0 of 1',
      'sent 4',
      `sent at 0 of ${total}`,
      `sent at ${part} of ${total}`,
      `sent at ${2 * part} of ${total}`,
      'b goes on',
    ],
  )
})

t.test(
  'what is too large for one message goes in several; a single record too large is refused',
  async (t) => {
    const sent: (readonly number[])[] = []
    const send = async (some: readonly number[]) => {
      if (some.reduce((sum, each) => sum + each, 0) > 10)
        throw new MillraceError('E_MESSAGE_SIZE', 'no')
      sent.push(some)
    }
    const sendAlone = async (one: number) => {
      if (one > 20) throw new MillraceError('E_RECORD_TOO_LARGE', 'no')
      sent.push([-one])
    }
    await inMessages([4, 4, 4, 4, 4], send, sendAlone)
    t.same(sent.flat(), [4, 4, 4, 4, 4])
    t.ok(sent.length >= 3)
    sent.length = 0
    await inMessages([1, 11, 2], send, sendAlone)
    t.same(sent.flat(), [1, -11, 2])
    await t.rejects(inMessages([1, 21], send, sendAlone), { code: 'E_RECORD_TOO_LARGE' })
  },
)
