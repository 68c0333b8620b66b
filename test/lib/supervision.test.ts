import t from 'tap'
import { errorToData, MillraceError } from '../../lib/base/errors.js'
import { seededRandom } from '../../lib/base/random.js'
import { backoff, backoffDelayMs } from '../../lib/supervision/backoff.js'
import {
  attemptOf,
  type Case,
  decided,
  groupOf,
  judge,
  noRestarts,
  type Restarts,
} from '../../lib/supervision/decision.js'
import {
  classify,
  createFailure,
  type During,
  type Failure,
} from '../../lib/supervision/failure.js'
import { FailureHistory } from '../../lib/supervision/history.js'
import { countRestart, isAtLimit, noIntensity } from '../../lib/supervision/intensity.js'
import {
  countCheckpoint,
  countFailure,
  noRestartCount,
  QUIET_MS,
  settled,
} from '../../lib/supervision/restart-count.js'
import { type SupervisionOptions, supervise } from '../../lib/supervision/strategy.js'

const failureOf = (thrown: unknown, during: During = 'receive'): Failure =>
  createFailure({ id: 1, wallTimeMs: 0, path: 's/a', during, thrown, attempt: 1 })

t.test('supervision has the documented defaults', (t) => {
  t.strictSame(supervise(), {
    strategy: 'one-for-one',
    restart: { firstMs: 100, maxMs: 30_000, factor: 2, jitter: 0.1 },
    maxRestarts: 10,
    withinMs: 60_000,
    decide: 'restart',
  })
  const own = supervise({ strategy: 'region', maxRestarts: 0 })
  t.strictSame(supervise(own), own, 'takes its own result unchanged')
  t.end()
})

t.test('supervision refuses what makes no sense, naming the option', (t) => {
  const wrong: [SupervisionOptions, RegExp][] = [
    [{ strategy: 'one-for-all' as 'region' }, /strategy must be one-for-one \| all-for-one/],
    [{ maxRestarts: -1 }, /maxRestarts/],
    [{ maxRestarts: 1.5 }, /maxRestarts/],
    [{ withinMs: 0 }, /withinMs/],
    [{ decide: 'ignore' as 'stop' }, /decide/],
    [{ restart: { firstMs: -1 } }, /firstMs/],
    [{ restart: { firstMs: 10, maxMs: 5 } }, /maxMs must be finite, at least firstMs, not 5/],
    [{ restart: { factor: 0.5 } }, /factor/],
    [{ restart: { jitter: 2 } }, /jitter/],
    [{ restart: { firstMs: Number.NaN } }, /firstMs/],
  ]
  for (const [options, message] of wrong) {
    t.throws(() => supervise(options), { code: 'E_BAD_SUPERVISION', message })
  }
  t.end()
})

t.test('back-off doubles up to its maximum and jitter only takes away', (t) => {
  const policy = backoff({ firstMs: 100, maxMs: 1_000, jitter: 0.1 })
  const none = () => 0
  const delays = [1, 2, 3, 4, 5, 100, 5_000].map((attempt) => backoffDelayMs(policy, attempt, none))
  t.strictSame(delays, [100, 200, 400, 800, 1_000, 1_000, 1_000])
  const random = seededRandom(3)
  for (let attempt = 1; attempt < 50; attempt++) {
    const base = backoffDelayMs(policy, attempt, none)
    const delayMs = backoffDelayMs(policy, attempt, random)
    if (delayMs > base || delayMs < base * 0.9) t.fail(`${delayMs} ms is outside of the jitter`)
  }
  t.throws(() => backoffDelayMs(policy, 0, none), /counted from 1/)
  t.equal(backoffDelayMs(backoff({ firstMs: 0 }), 1, none), 0, 'no delay is a delay')
  t.end()
})

t.test('intensity forgets what has left the window', (t) => {
  let intensity = noIntensity
  for (const atMs of [0, 100, 200]) intensity = countRestart(intensity, atMs, 0, 1_000)
  t.equal(isAtLimit(intensity, 900, 3, 1_000), true)
  t.equal(isAtLimit(intensity, 1_000, 3, 1_000), true, 'the window includes its border')
  t.equal(isAtLimit(intensity, 1_001, 3, 1_000), false)
  t.equal(isAtLimit(noIntensity, 0, 0, 1_000), true, 'none allowed')
  intensity = countRestart(intensity, 5_000, 0, 1_000)
  t.equal(intensity.restartsAtMs.length, 1, 'keeps no more than the window')
  t.end()
})

t.test('intensity does not count the time spent waiting for a restart', (t) => {
  const { restart, maxRestarts, withinMs } = supervise()
  let intensity = noIntensity
  let nowMs = 0
  let restarts = 0
  while (!isAtLimit(intensity, nowMs, maxRestarts, withinMs)) {
    restarts++
    const delayMs = backoffDelayMs(restart, restarts, () => 0)
    intensity = countRestart(intensity, nowMs, delayMs, withinMs)
    nowMs += delayMs
  }
  t.equal(restarts, 10, 'a crash loop meets its limit however long the delays get')
  t.equal(nowMs, 81_100)
  t.end()
})

t.test(
  'the restart count resets after a checkpoint beyond the failure or ten quiet minutes',
  (t) => {
    let count = countFailure(countFailure(noRestartCount, 0), 1_000)
    t.equal(count.restarts, 2)
    t.equal(countCheckpoint(count, false).restarts, 2, 'an earlier checkpoint is no progress')
    t.equal(countCheckpoint(count, true).restarts, 0)
    t.equal(settled(count, 1_000 + QUIET_MS - 1).restarts, 2)
    t.equal(settled(count, 1_000 + QUIET_MS).restarts, 0)
    count = countFailure(count, 1_000 + QUIET_MS)
    t.equal(count.restarts, 1, 'counts from the beginning again')
    t.end()
  },
)

t.test('every failure is classified', (t) => {
  const table: [unknown, Failure['kind']][] = [
    [new Error('boom'), 'user-code'],
    [new TypeError('x is not a function'), 'user-code'],
    ['a string', 'user-code'],
    [undefined, 'user-code'],
    [new Error('broken law: credits are never negative'), 'system'],
    [new MillraceError('E_INPUT_EMPTY', 'x'), 'input'],
    [new MillraceError('E_BAD_RECORD', 'x'), 'input'],
    [new MillraceError('E_SINK_FULL', 'x'), 'sink'],
    [new MillraceError('E_WORKER_EXIT', 'x'), 'host'],
    [new MillraceError('E_MEMORY_BUDGET', 'x'), 'host'],
    [new MillraceError('E_MAILBOX_FULL', 'x'), 'system'],
    [new MillraceError('E_MAILBOX_FULL', 'x', { details: { kind: 'sink' } }), 'sink'],
    [new MillraceError('E_ESCALATED', 'x', { cause: new Error('boom') }), 'user-code'],
    [Object.assign(new Error('no space'), { code: 'ENOSPC' }), 'host'],
    [Object.assign(new Error('no file'), { code: 'ENOENT' }), 'user-code'],
  ]
  for (const [thrown, kind] of table) t.equal(classify(errorToData(thrown)), kind, String(thrown))
  t.end()
})

t.test('a failure names operator and subtask where its error or a cause does', (t) => {
  const inner = new MillraceError('E_X', 'x', { details: { operator: 'words', subtask: 2 } })
  const failure = failureOf(new MillraceError('E_ESCALATED', 'y', { cause: inner }))
  t.match(failure, { operator: 'words', subtask: 2, decision: null, delayMs: null })
  t.match(failureOf(new Error('z')), { operator: null, subtask: null })
  t.strictSame(JSON.parse(JSON.stringify(failure)), failure, 'is plain data')
  t.end()
})

t.test('the history keeps the last failures and counts all', (t) => {
  const history = new FailureHistory(3)
  for (let id = 1; id <= 5; id++) history.add({ ...failureOf('x'), id })
  t.strictSame(
    history.toArray().map(({ id }) => id),
    [3, 4, 5],
  )
  t.equal(history.total, 5)
  t.end()
})

const children = [
  { name: 'a', region: 'left' },
  { name: 'b', region: 'right' },
  { name: 'c', region: 'left' },
  { name: 'd', region: null },
]

function caseOf(options: SupervisionOptions, changes: Partial<Case> = {}): Case {
  return {
    supervision: supervise(options),
    restarts: noRestarts,
    failure: failureOf(new Error('boom')),
    failing: children[2]!,
    children,
    nowMs: 0,
    random: () => 0,
    ...changes,
  }
}

t.test('who is acted on follows from strategy and decision', (t) => {
  const all = ['a', 'b', 'c', 'd']
  const table = [
    ['one-for-one', 'restart', ['c']],
    ['one-for-one', 'resume', ['c']],
    ['one-for-one', 'stop', ['c']],
    ['one-for-one', 'escalate', ['c']],
    ['all-for-one', 'restart', all],
    ['all-for-one', 'resume', ['c']],
    ['all-for-one', 'stop', all],
    ['all-for-one', 'escalate', all],
    ['region', 'restart', ['a', 'c']],
    ['region', 'resume', ['c']],
    ['region', 'stop', ['a', 'c']],
    ['region', 'escalate', ['a', 'c']],
  ] as const
  for (const [strategy, decision, who] of table) {
    for (const decide of [decision, () => decision]) {
      const { verdict } = judge(caseOf({ strategy, decide }))
      t.match(verdict, { decision, who: [...who] }, `${strategy} × ${decision}`)
      t.equal(verdict.who.length, who.length)
    }
  }
  const alone = judge(caseOf({ strategy: 'region' }, { failing: children[3]! })).verdict
  t.strictSame(alone.who, ['d'], 'a child without a region is one by itself')
  t.equal(groupOf('region', children[3]!), 'child d')
  t.end()
})

t.test('only a restart counts, and each one waits longer', (t) => {
  let restarts: Restarts = noRestarts
  const delays: (number | null)[] = []
  for (let nowMs = 0; nowMs < 4; nowMs++) {
    t.equal(attemptOf(restarts, nowMs), nowMs + 1)
    const facts = caseOf({}, { restarts, nowMs })
    for (const decide of ['resume', 'stop', 'escalate'] as const) {
      t.equal(judge({ ...facts, supervision: supervise({ decide }) }).restarts, restarts)
    }
    const judged = judge(facts)
    delays.push(decided(facts.failure, judged.verdict).delayMs)
    restarts = judged.restarts
  }
  t.strictSame(delays, [100, 200, 400, 800])
  t.end()
})

t.test('a restart beyond the limit escalates', (t) => {
  const first = judge(caseOf({ maxRestarts: 1, withinMs: 1_000 }))
  t.equal(first.verdict.decision, 'restart')
  const { restarts } = first
  const within = { restarts, nowMs: 1_100 }
  const second = judge(caseOf({ maxRestarts: 1, withinMs: 1_000 }, within))
  t.match(second.verdict, { decision: 'escalate', reason: 'limit', because: /limit of 1 restarts/ })
  const after = { restarts, nowMs: 1_101 }
  t.equal(judge(caseOf({ maxRestarts: 1, withinMs: 1_000 }, after)).verdict.decision, 'restart')
  const counted = { ...after, limitBy: 'count' as const }
  t.match(judge(caseOf({ maxRestarts: 1, withinMs: 1_000 }, counted)).verdict, {
    decision: 'escalate',
    because: /without progress/,
  })
  t.equal(judge(caseOf({ maxRestarts: 0 })).verdict.decision, 'escalate', 'none allowed')
  t.end()
})

t.test('a decide that throws or answers nonsense escalates', (t) => {
  const thrown = new Error('in decide')
  const throwing = () => {
    throw thrown
  }
  t.match(judge(caseOf({ decide: throwing })).verdict, { reason: 'decide-threw', thrown })
  const nonsense = (() => 'maybe') as unknown as () => 'stop'
  t.match(judge(caseOf({ decide: nonsense })).verdict, {
    decision: 'escalate',
    because: /decide returned maybe/,
  })
  t.end()
})

t.test('what never started cannot be resumed and restarts instead', (t) => {
  for (const during of ['setup', 'started', 'resumed'] as const) {
    const failure = failureOf(new Error('boom'), during)
    t.equal(judge(caseOf({ decide: 'resume' }, { failure })).verdict.decision, 'restart')
  }
  t.end()
})
