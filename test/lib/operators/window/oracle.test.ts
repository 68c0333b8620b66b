/**
 * Every assigner × trigger × lateness × kind of content against windows as they are defined
 * (`support/window-oracle.ts`), on random disorder. `MILLRACE_SEED=n` repeats a run.
 */
import t from 'tap'
import { type Random, seededRandom } from '../../../../lib/base/random.js'
import {
  type Assigner,
  aggregate,
  continuousEventTimeTrigger,
  countTrigger,
  cumulating,
  globalWindow,
  purging,
  reduce,
  session,
  sideTag,
  sliding,
  type Trigger,
  tumbling,
  window,
  windowAll,
  windowProcess,
} from '../../../../lib/index.js'
import type { AnyStream, Op } from '../../../../lib/operators/stream.js'
import { definitionOf, OperatorHarness } from '../../../support/operator-harness.js'
import { testSeed } from '../../../support/test-seed.js'
import {
  type OracleAssigner,
  type OracleEvent,
  type OracleResult,
  type OracleTrigger,
  WindowOracle,
} from '../../../support/window-oracle.js'

const SEED = testSeed()
const RUNS = Number(process.env.RUNS ?? 2)

interface Case {
  readonly name: string
  readonly oracle: OracleAssigner
  readonly assigner: Assigner<OracleEvent>
}

const dynamicGap = (event: OracleEvent): number => 5 + (event.id % 3) * 10

const ASSIGNERS: readonly Case[] = [
  {
    name: 'tumbling',
    oracle: { kind: 'tumbling', size: 10, offset: 0 },
    assigner: tumbling(10),
  },
  {
    name: 'tumbling with offset',
    oracle: { kind: 'tumbling', size: 10, offset: -3 },
    assigner: tumbling(10, { offset: -3 }),
  },
  {
    name: 'sliding',
    oracle: { kind: 'sliding', size: 40, slide: 5, offset: 0 },
    assigner: sliding(40, 5),
  },
  {
    name: 'sliding, no multiple, with offset',
    oracle: { kind: 'sliding', size: 17, slide: 5, offset: 2 },
    assigner: sliding(17, 5, { offset: 2 }),
  },
  {
    name: 'sliding with gaps',
    oracle: { kind: 'sliding', size: 4, slide: 10, offset: 0 },
    assigner: sliding(4, 10),
  },
  {
    name: 'cumulating',
    oracle: { kind: 'cumulating', size: 30, step: 5 },
    assigner: cumulating(30, 5),
  },
  {
    name: 'session',
    oracle: { kind: 'session', gap: () => 7 },
    assigner: session(7),
  },
  {
    name: 'session with dynamic gap',
    oracle: { kind: 'session', gap: dynamicGap },
    assigner: session(dynamicGap),
  },
  {
    name: 'global',
    oracle: { kind: 'global' },
    assigner: globalWindow(),
  },
]

const TRIGGERS: readonly {
  readonly oracle: OracleTrigger
  readonly trigger: Trigger<unknown, never> | null
}[] = [
  { oracle: { kind: 'eventTime' }, trigger: null },
  { oracle: { kind: 'count', count: 3 }, trigger: countTrigger(3) as never },
  { oracle: { kind: 'continuous', interval: 4 }, trigger: continuousEventTimeTrigger(4) as never },
]

type Content = 'merge' | 'reduce' | 'process'

/** Ids as the result, whatever the operator gives. */
const CONTENTS: Readonly<Record<Content, Op<never, AnyStream>>> = {
  merge: aggregate({
    create: (): readonly number[] => [],
    add: (ids: readonly number[], event: OracleEvent) => [...ids, event.id],
    merge: (a: readonly number[], b: readonly number[]) => [...a, ...b],
  }) as never,
  reduce: reduce((ids: readonly number[], event: OracleEvent) => [...ids, event.id], []) as never,
  process: windowProcess<OracleEvent, 'event', string, unknown>(({ key, window, records }) => [
    { key, ...window, value: records.map(({ id }) => id) },
  ]) as never,
}

const compare = (a: OracleResult, b: OracleResult): number =>
  a.end - b.end ||
  a.start - b.start ||
  (a.key < b.key ? -1 : a.key > b.key ? 1 : 0) ||
  a.ids.length - b.ids.length ||
  String(a.ids).localeCompare(String(b.ids))

/** Results between two marks, in a fixed order; ids sorted: slices keep the order of time. */
const inOrder = (results: readonly OracleResult[]): OracleResult[] =>
  results
    .map(({ key, start, end, ids }) => ({ key, start, end, ids: [...ids].sort((a, b) => a - b) }))
    .sort(compare)

interface Scenario {
  readonly case: Case
  readonly trigger: (typeof TRIGGERS)[number]
  readonly purges: boolean
  readonly lateness: number
  readonly content: Content
  readonly all: boolean
  readonly late: boolean
}

const late = sideTag<OracleEvent>('late')

function operatorOf(scenario: Scenario): Op<never, AnyStream> {
  const { trigger } = scenario.trigger
  const options = {
    ...(trigger === null ? {} : { trigger: scenario.purges ? purging(trigger) : trigger }),
    ...(scenario.lateness === 0 ? {} : { allowedLateness: scenario.lateness }),
    ...(scenario.late ? { late } : {}),
  }
  const make = (scenario.all ? windowAll : window) as (
    ...given: unknown[]
  ) => Op<AnyStream, AnyStream>
  const op = make(scenario.case.assigner, options)
  return ((stream: AnyStream) => CONTENTS[scenario.content](op(stream) as never)) as never
}

/** Runs both on the same script and returns what differs. */
function differs(scenario: Scenario, random: Random): string | null {
  const { case: of, trigger, purges, lateness, all } = scenario
  const oracle = new WindowOracle(
    of.oracle,
    of.oracle.kind === 'global' && trigger.trigger === null ? { kind: 'never' } : trigger.oracle,
    purges && trigger.trigger !== null,
    lateness,
  )
  const definition = definitionOf(operatorOf(scenario))
  const options = { keyed: !all, stayOpen: () => random() < 0.5 }
  let harness = new OperatorHarness([definition], options)
  const halves = definition.openBefore === undefined ? 1 : 2
  const below = (n: number): number => Math.floor(random() * n)
  const base = [0, -1_000, 1.7e12, 8.6e15, -8.6e15][below(5)]!
  const keys = all ? 1 : 3
  let [now, id, watermark, lost] = [base, 0, -Infinity, 0]
  let sides: OracleEvent[] = []
  const seen = (): OracleResult[] => {
    const values = harness.values as { key?: string; start: number; end: number; value: number[] }[]
    return values.map(({ key = '', start, end, value }) => ({ key, start, end, ids: value }))
  }
  let [checkedOracle, checkedSeen] = [0, 0]
  const check = (step: string): string | null => {
    if (harness.error !== undefined) return `${step}: ${String(harness.error)}`
    if (harness.broken.length > 0) return `${step}: ${harness.broken.join(', ')}`
    const expected = inOrder(oracle.results.slice(checkedOracle))
    const all = seen()
    const found = inOrder(all.slice(checkedSeen))
    checkedOracle = oracle.results.length
    checkedSeen = all.length
    const [a, b] = [JSON.stringify(expected), JSON.stringify(found)]
    return a === b ? null : `${step}: expected ${a}, found ${b}; after:\n${log.join('\n')}`
  }
  const log: string[] = []
  for (let step = 0; step < 40; step++) {
    const kind = random()
    harness.gateOpen = true
    if (kind < 0.6) {
      const events: OracleEvent[] = Array.from({ length: 1 + below(6) }, () => {
        // On the edges, behind, and ahead.
        now += below(6)
        const back = random() < 0.3 ? below(60) : below(8)
        return { key: `k${below(keys)}`, timeMs: now - back, id: id++ }
      })
      log.push(`batch ${JSON.stringify(events)}`)
      for (const event of events) oracle.record(all ? { ...event, key: '' } : event)
      harness.batch(
        events,
        all ? null : events.map(({ key }) => key),
        0,
        events.map(({ timeMs }) => timeMs),
      )
    } else if (kind < 0.9) {
      const timeMs = now - below(20)
      watermark = Math.max(watermark, timeMs)
      log.push(`watermark ${timeMs}`)
      oracle.watermark(timeMs)
      harness.watermark(timeMs)
    } else {
      log.push('restore')
      harness.barrier(step)
      harness.drain()
      const problem = check(`barrier ${step}`)
      if (problem !== null) return problem
      lost += harness.counter('droppedLate', halves - 1)
      sides = [...sides, ...((harness.sides.late?.records ?? []) as OracleEvent[])]
      // Begins again with what lies in state.
      const state = Array.from({ length: halves }, (_, i) => harness.state(i))
      harness.unsubscribe()
      harness = new OperatorHarness([definition], { ...options, state })
      checkedSeen = 0
      oracle.restore()
      if (watermark !== -Infinity) harness.watermark(watermark)
    }
    harness.drain()
    const problem = check(`step ${step}`)
    if (problem !== null) return problem
  }
  harness.gateOpen = true
  oracle.end()
  harness.end()
  harness.drain()
  const problem = check('end')
  if (problem !== null) return problem
  sides = [...sides, ...((harness.sides.late?.records ?? []) as OracleEvent[])]
  lost += harness.counter('droppedLate', halves - 1)
  const lateIds = JSON.stringify(oracle.late)
  if (scenario.late && JSON.stringify(sides.map(({ id }) => id)) !== lateIds) {
    return `late: expected ${lateIds}, found ${JSON.stringify(sides)}`
  }
  if (!scenario.late && lost !== oracle.late.length) {
    return `late: expected ${oracle.late.length}, counted ${lost}`
  }
  return stateLeft(harness, halves)
}

/** Nothing may be left behind the end. */
function stateLeft(harness: OperatorHarness, halves: number): string | null {
  const state = harness.state(halves - 1)
  const left = ['slices', 'gathered', 'windows', 'records', 'sessions', 'session records'].map(
    (name) => state.value(name, { mutable: true }).size,
  )
  const timers = ['event', 'clock'].map((name) => state.timers(name).size)
  const sum = [...left, ...timers].reduce((a, b) => a + b, 0)
  return sum === 0 ? null : `state is left behind the end: ${left}, timers ${timers}`
}

for (const of of ASSIGNERS) {
  for (const trigger of TRIGGERS) {
    const isGlobal = of.oracle.kind === 'global'
    const name = trigger.trigger === null ? 'default trigger' : `${trigger.oracle.kind} trigger`
    t.test(`${of.name} windows with the ${name} are as they are defined`, (t) => {
      const random = seededRandom(SEED)
      for (const content of ['merge', 'reduce', 'process'] as const) {
        for (const all of [false, true]) {
          for (const lateness of isGlobal ? [0] : [0, 6, 25]) {
            for (const purges of trigger.trigger === null ? [false] : [false, true]) {
              for (let run = 0; run < RUNS; run++) {
                const side = !isGlobal && run % 2 === 1
                const scenario = { case: of, trigger, purges, lateness, content, all, late: side }
                const problem = differs(scenario, random)
                const facts = { content, all, lateness, purges, late: side, run, SEED }
                if (problem !== null) {
                  t.fail(`${JSON.stringify(facts)}: ${problem}`)
                  t.end()
                  return
                }
              }
            }
          }
        }
      }
      t.pass(`MILLRACE_SEED=${SEED}`)
      t.end()
    })
  }
}

/** The same windows, by the clock: a record's time is that of its arrival, and nothing is late. */
const BY_CLOCK: readonly Case[] = [
  {
    name: 'tumbling',
    oracle: { kind: 'tumbling', size: 10, offset: 3 },
    assigner: tumbling(10, { offset: 3, time: 'processing' }),
  },
  {
    name: 'sliding',
    oracle: { kind: 'sliding', size: 17, slide: 5, offset: 0 },
    assigner: sliding(17, 5, { time: 'processing' }),
  },
  {
    name: 'cumulating',
    oracle: { kind: 'cumulating', size: 30, step: 5 },
    assigner: cumulating(30, 5, { time: 'processing' }),
  },
  {
    name: 'session',
    oracle: { kind: 'session', gap: dynamicGap },
    assigner: session(dynamicGap, { time: 'processing' }),
  },
]

function differsByClock(of: Case, content: Content, all: boolean, random: Random): string | null {
  const oracle = new WindowOracle(of.oracle, { kind: 'eventTime' }, false, 0)
  const scenario = { case: of, trigger: TRIGGERS[0]!, purges: false, lateness: 0 }
  const definition = definitionOf(operatorOf({ ...scenario, content, all, late: false }))
  const harness = new OperatorHarness([definition], { keyed: !all, stayOpen: () => random() < 0.5 })
  const below = (n: number): number => Math.floor(random() * n)
  const { clock } = harness
  let id = 0
  for (let step = 0; step < 60; step++) {
    harness.gateOpen = true
    if (random() < 0.5) {
      const timeMs = clock.wallTime()
      const events: OracleEvent[] = Array.from({ length: 1 + below(4) }, () => ({
        key: all ? '' : `k${below(3)}`,
        timeMs,
        id: id++,
      }))
      for (const event of events) oracle.record(event)
      harness.batch(events, all ? null : events.map(({ key }) => key))
    } else {
      clock.advance(below(12))
      oracle.watermark(clock.wallTime() - 1)
    }
    harness.drain()
  }
  harness.gateOpen = true
  oracle.end()
  harness.end()
  harness.drain()
  const values = harness.values as { key?: string; start: number; end: number; value: number[] }[]
  const found = values.map(({ key = '', start, end, value }) => ({ key, start, end, ids: value }))
  const [a, b] = [JSON.stringify(inOrder(oracle.results)), JSON.stringify(inOrder(found))]
  if (a !== b) return `expected ${a}, found ${b}`
  return harness.broken[0] ?? stateLeft(harness, 1)
}

for (const of of BY_CLOCK) {
  t.test(`${of.name} windows by the clock are as they are defined`, async (t) => {
    const random = seededRandom(SEED)
    for (const content of ['merge', 'reduce', 'process'] as const) {
      for (let run = 0; run < RUNS * 4; run++) {
        const problem = differsByClock(of, content, run % 2 === 0, random)
        if (problem !== null) t.fail(`${content}, run ${run}, MILLRACE_SEED=${SEED}: ${problem}`)
      }
    }
    t.pass(`MILLRACE_SEED=${SEED}`)
  })
}
