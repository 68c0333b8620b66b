/** What is wrong with windows is said when the pipeline is built, by name, with what to do. */
import t from 'tap'
import { planGraph } from '../../../lib/graph/planner.js'
import {
  type AnyStream,
  count,
  countTrigger,
  countWindow,
  cumulating,
  type Flow,
  globalWindow,
  keyBy,
  map,
  type Op,
  pipeline,
  scan,
  session,
  sideOutput,
  sideTag,
  sliding,
  timestamps,
  tumbling,
  window,
  windowAll,
  windowProcess,
} from '../../../lib/index.js'
import { sink, source } from '../../support/fake-parts.js'

type Any = (...given: unknown[]) => Op<AnyStream, AnyStream>
const anyWindow = window as unknown as Any
const anyWindowAll = windowAll as unknown as Any

const timed = timestamps((n: number) => n) as unknown as Op<AnyStream, AnyStream>
const keyed = keyBy((n: number) => n) as unknown as Op<AnyStream, AnyStream>
const counted = count() as unknown as Op<AnyStream, AnyStream>
const mapped = map((n: number) => n) as unknown as Op<AnyStream, AnyStream>

function build(...operators: Op<AnyStream, AnyStream>[]) {
  const compose = (flow: Flow) => {
    const input = flow.from(source<number>('numbers', { bounded: false })) as AnyStream
    const stream = operators.reduce<AnyStream>((from, operator) => from.pipe(operator), input)
    stream.to(sink())
  }
  return pipeline('windowed', compose).compose().graph
}

const refused: Readonly<Record<string, readonly [code: string, message: RegExp, () => unknown]>> = {
  'what is no aggregate behind a window': [
    'E_NO_AGGREGATE',
    /^map \(.*windows\.test.*count, sum/,
    () => build(timed, keyed, anyWindow(tumbling('1m')), mapped),
  ],
  'what speaks at every record behind a window': [
    'E_NO_AGGREGATE',
    /^scan /,
    () =>
      build(
        timed,
        anyWindowAll(tumbling('1m')),
        scan((n: number) => n, 0) as unknown as Op<AnyStream, AnyStream>,
      ),
  ],
  'a sink behind a window': [
    'E_NO_AGGREGATE',
    /^to /,
    () => build(timed, anyWindowAll(tumbling('1m'))),
  ],
  'a side output of a window itself': [
    'E_NO_AGGREGATE',
    /^sideOutput /,
    () => build(timed, anyWindowAll(tumbling('1m')), sideOutput(sideTag('late')) as never),
  ],
  'a window function without a window': [
    'E_NEEDS_WINDOW',
    /^windowProcess .* directly before/,
    () => build(timed, keyed, windowProcess(() => []) as never),
  ],
  'event time without timestamps': [
    'E_NEEDS_TIME',
    /timestamps/,
    () => build(keyed, anyWindow(tumbling('1m')), counted),
  ],
  'windows per key without one': [
    'E_NEEDS_KEY',
    /keyBy/,
    () => build(timed, anyWindow(tumbling('1m')), counted),
  ],
  'windows of the whole stream behind a key': [
    'E_KEY_FORBIDDEN',
    /cannot stand behind keyBy/,
    () => build(timed, keyed, anyWindowAll(tumbling('1m')), counted),
  ],
  'a global window without a trigger on an endless stream': [
    'E_NEVER_SPEAKS',
    /never ends: give its window a trigger, like countTrigger\(…\)\.$/,
    () => build(keyed, anyWindow(globalWindow()), counted),
  ],
  'two windows behind one key, each with the same aggregate': [
    'E_DUPLICATE_NAME',
    /are both called '.*count'.*give one of them its own, count\(…, \{ name/,
    () =>
      pipeline('twice', (flow) => {
        const stream = (flow.from(source<number>('a')) as AnyStream).pipe(timed).pipe(keyed)
        for (const size of ['1m', '1h'] as const) {
          stream
            .pipe(anyWindow(tumbling(size)))
            .pipe(counted)
            .to(sink())
        }
      }).compose(),
  ],
  'no assigner': ['E_BAD_ARGUMENT', /needs an assigner/, () => anyWindow(60_000)],
  'an option that does not exist': [
    'E_UNKNOWN_OPTION',
    /did you mean 'allowedLateness'/,
    () => anyWindow(tumbling('1m'), { allowedLatenes: 5 }),
  ],
  'a trigger of windows by count': [
    'E_BAD_ARGUMENT',
    /has its own trigger/,
    () => anyWindow(countWindow(5), { trigger: countTrigger(3) }),
  ],
  'sessions whose trigger cannot merge': [
    'E_BAD_ARGUMENT',
    /needs a trigger with onMerge.*'plain'/,
    () => anyWindow(session('1m'), { trigger: { kind: 'plain', onRecord: () => 'fire' } }),
  ],
  'lateness without event time': [
    'E_BAD_ARGUMENT',
    /nothing comes late/,
    () => anyWindow(tumbling('1m', { time: 'processing' }), { allowedLateness: '1s' }),
  ],
  'a size that is no multiple of the step': [
    'E_BAD_ARGUMENT',
    /multiple of the step/,
    () => cumulating('1h', '7m'),
  ],
  'slides in local time that do not fill the size': [
    'E_BAD_ARGUMENT',
    /multiple of the slide/,
    () => sliding('7h', '2h', { timeZone: 'Europe/Berlin' }),
  ],
  'a zone that nobody knows': [
    'E_BAD_TIME_ZONE',
    /Atlantis/,
    () => tumbling('1d', { timeZone: 'Atlantis' }),
  ],
  'no size': ['E_BAD_ARGUMENT', /size must be a whole number/, () => countWindow(0)],
  'no aggregate to combine': [
    'E_BAD_ARGUMENT',
    /an aggregate like count/,
    () => windowProcess(mapped as never, () => []),
  ],
}

for (const [what, [code, message, act]] of Object.entries(refused)) {
  t.test(`${what} is refused`, async (t) => {
    t.throws(act, { code, message })
  })
}

const halves = (...operators: Op<AnyStream, AnyStream>[]): readonly string[] =>
  planGraph(build(...operators), { parallelism: 2 }).chains.flatMap(({ steps }) =>
    steps.map(({ half }) => half),
  )

t.test('aggregates that merge are folded before the exchange where nothing is said', async (t) => {
  const late = sideTag('late')
  const divided = (options: object, assigner: unknown = tumbling('1m')) =>
    halves(timed, keyed, anyWindow(assigner, options), counted).includes('before')
  t.ok(divided({}))
  t.ok(divided({}, sliding('1h', '1m')))
  t.notOk(divided({ allowedLateness: 1 }))
  t.notOk(divided({ late }))
  t.notOk(divided({ trigger: countTrigger(3) }))
  t.ok(divided({}, session('1m')))
  t.notOk(divided({}, session('1m', { time: 'processing' })))
  t.notOk(
    divided(
      {},
      session(() => '1m'),
    ),
    'a gap that depends on the record',
  )
  t.notOk(divided({}, tumbling('1m', { time: 'processing' })))
})

t.test('windows of the whole stream run in one subtask', async (t) => {
  const planned = (assigner: unknown) =>
    planGraph(build(timed, anyWindowAll(assigner), counted), { parallelism: 4 })
  const of = (plan: ReturnType<typeof planned>) =>
    plan.chains.filter(({ steps }) => steps.some(({ half }) => half !== 'before')).at(-1)
  const unfolded = planned(session(() => '1m'))
  t.equal(of(unfolded)?.parallelism, 1)
  t.match(unfolded.warnings.join(), /parallelism 1/)
  const folded = planned(session('1m'))
  t.match(of(folded)?.name, /count/)
  t.equal(of(folded)?.parallelism, 1)
  t.same(folded.warnings, [], 'each subtask folds what it has')
})

t.test('explain says what kind of window it is', async (t) => {
  const graph = build(
    timed,
    keyed,
    anyWindow(sliding('1h', '1m'), { allowedLateness: '5s' }),
    counted,
  )
  const text = JSON.stringify(graph.nodes.map(({ settings }) => settings))
  t.match(text, /"window":{"kind":"sliding","sizeMs":3600000,"slideMs":60000}/)
  t.match(text, /"latenessMs":5000/)
})
