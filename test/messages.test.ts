/**
 * What Millrace says to a person who has made a mistake: what was expected, what was seen, where, and
 * what to do. The compiler refuses many of these too, but job modules run without being type-checked.
 */
import { join } from 'node:path'
import { map as rxMap } from 'rxjs'
import t, { type Test } from 'tap'
import { run } from '../actors/index.js'
import { runTest } from '../actors/testing/index.js'
import {
  csv,
  csvFile,
  fromArray,
  generate,
  lines,
  ndjson,
  print,
  toObservable,
} from '../lib/connectors/index.js'
import {
  aggregate,
  count,
  type Flow,
  filter,
  keyBy,
  map,
  mergeMap,
  pipeline,
  scan,
  sum,
  tap,
} from '../lib/index.js'

/** Values that the compiler would not let pass. */
// biome-ignore lint/suspicious/noExplicitAny: the mistakes are the point
type Anything = any
const wrong = (value: unknown): Anything => value
const HERE = String.raw`\(.*messages\.test\.ts:\d+:\d+\)`

/** The message of a pipeline that cannot be composed. */
function refused(build: (flow: Flow) => unknown, options: Anything = {}): string {
  try {
    pipeline('shop', (flow) => void build(flow), options).compose()
  } catch (error) {
    return (error as Error).message
  }
  return 'nothing was said'
}

const says = (t: Test, said: string, ...parts: readonly (string | RegExp)[]) => {
  for (const part of parts) {
    const expected = typeof part === 'string' ? part : new RegExp(part.source.replace('HERE', HERE))
    t.match(said, expected)
  }
}

const numbers = () => fromArray([1, 2, 3])

t.test('a misspelt option is named, with the one that was meant', (t) => {
  const cases: [(flow: Flow) => unknown, RegExp][] = [
    [
      (f) => f.from(numbers()).pipe(map(String, wrong({ nmae: 'x' }))),
      /^map HERE: .*'nmae'.*'name'/,
    ],
    [
      (f) => f.from(numbers()).pipe(sum(undefined, wrong({ paralelism: 2 }))),
      /^sum HERE: .*'parallelism'/,
    ],
    [(f) => f.from(numbers(), wrong({ names: 'x' })), /^flow\.from HERE: .*'names'.*'name'/],
    [
      (f) => f.from(numbers()).to(print(), wrong({ nam: 1 })),
      /^to\(print\) HERE: .*did you mean 'name'/,
    ],
    [() => lines('a.log', wrong({ folow: true })), /^lines HERE: .*'folow'.*'follow'/],
    [() => ndjson('a', wrong({ excludes: '*' })), /^ndjson HERE: .*'exclude'/],
    [() => csv('a', wrong({ headers: true })), /^csv HERE: .*'header'/],
    [() => csvFile('a', wrong({ appned: true })), /^csvFile HERE: .*'append'/],
    [
      () => generate(1, Number, wrong({ rate: 5 })),
      /^generate HERE: .*'rate': it knows perSecond, splits/,
    ],
    [
      () => print(wrong((x: number) => `${x}`)),
      /^print HERE: options must be an object like \{ format: … \}/,
    ],
    [
      (f) => f.from(numbers()).pipe(mergeMap(async (x) => x, wrong({ timeoutMS: 5 }))),
      /'timeoutMs'/,
    ],
  ]
  for (const [build, expected] of cases) says(t, refused(build), expected)
  const ignore = wrong({ onRecordError: 'ignore' })
  for (const build of [
    (flow: Flow) => flow.from(numbers()).pipe(map(String, ignore)),
    (flow: Flow) => flow.from(numbers(), ignore),
  ]) {
    says(t, refused(build), /HERE: onRecordError must be 'fail', 'skip', 'deadLetter'.*"ignore"/)
  }
  says(
    t,
    refused(() => 0, ignore),
    /^pipeline 'shop' HERE: onRecordError must be/,
  )
  says(
    t,
    refused(() => 0, { onRecordErr: 'skip' }),
    /^pipeline 'shop' HERE: .*onRecordErr/,
  )
  t.throws(() => run('a.ts', wrong({ slot: 2 })), { code: 'E_UNKNOWN_OPTION', message: /'slots'/ })
  const atHand = pipeline('shop', (flow) => flow.from(numbers()).to(print()))
  t.throws(() => run(atHand, wrong({ slots: 2 })), {
    code: 'E_BAD_SLOTS',
    message: /calling thread/,
  })
  t.end()
})

t.test('an async function where nobody would wait for it is refused where it is written', (t) => {
  const later = wrong(async (x: unknown) => x)
  const operators = { map, filter, tap, keyBy, scan, count, sum }
  for (const [name, operator] of Object.entries(operators)) {
    const said = refused((flow) => flow.from(numbers()).pipe(wrong(operator)(later)))
    says(t, said, `${name} (`, /HERE: .* is an async function.*mergeMap\(async/)
  }
  const mean = wrong({ create: () => 0, add: later, result: Number })
  says(
    t,
    refused((flow) => flow.from(numbers()).pipe(aggregate(mean))),
    /^aggregate HERE: add .* async/,
  )
  t.end()
})

t.test(
  'what is no sink, no operator, no source or no path is called so, with what to write',
  (t) => {
    const from = (flow: Flow) => flow.from(numbers())
    says(
      t,
      refused((flow) => from(flow).to(wrong(print))),
      /^to HERE .*the function print: .*\.to\(print\(…\)\)/,
    )
    says(
      t,
      refused((flow) => from(flow).to(wrong(undefined))),
      /^to HERE .*undefined: .*print\(\)/,
    )
    says(
      t,
      refused((flow) => from(flow).pipe(wrong(rxMap(Number)))),
      /^argument 1 of pipe HERE .*rx\(…\)/,
    )
    says(
      t,
      refused((flow) => from(flow).pipe(map(Number), wrong(undefined))),
      /^argument 2 of pipe HERE/,
    )
    says(
      t,
      refused((flow) => flow.from(wrong('a.txt'))),
      /^flow\.from HERE .*'a\.txt'.*lines\('a\.txt'\)/,
    )
    says(
      t,
      refused(() => lines(wrong(undefined))),
      /^lines HERE: expected a path.*saw undefined/,
    )
    says(
      t,
      refused((flow) => from(flow)),
      /needs a sink, but nothing reads collection\(3\) HERE: .*print\(\)/,
    )
    t.throws(() => pipeline('shop', wrong(5)), { message: /second argument must be a function/ })
    t.end()
  },
)

t.test('a record that fails is shown, with operator, reason and what to do', async (t) => {
  const failure = async (...operators: readonly Anything[]) => {
    const build = (flow: Flow) =>
      wrong(flow.from(numbers()))
        .pipe(...operators)
        .to(toObservable())
    const outcome = await runTest(pipeline('shop', build), { supervise: { maxRestarts: 0 } })
    return outcome.error?.message ?? 'nothing was said'
  }
  says(
    t,
    await failure(
      sum(
        wrong((x: Anything) => x.cents),
        { name: 'total' },
      ),
    ),
    /"total" .*undefined; pass a selector.*the record: 1 .*onRecordError/,
  )
  says(
    t,
    await failure(map(wrong((x: Anything) => x.a.b))),
    /"collection\(3\)\/map" .*reading 'b'.*the record: 1/,
  )
  says(
    t,
    await failure(mergeMap(wrong((x: number) => x))),
    /must return an iterable.*it returned number; return \[\] for no results/,
  )
  says(
    t,
    await failure(
      keyBy(() => Promise.resolve(1)),
      count({ name: 'n' }),
    ),
    /a key is a string.*Promise; select a field/,
  )
})

t.test('what cannot cross to another thread fails its operator, never the thread', async (t) => {
  const folder = t.testdir({
    'job.ts': `
      import { keyBy, map, pipeline, scan } from 'millrace'
      import { generate, blackhole } from 'millrace/connectors'
      const around = (id: number) => { const node = { id, self: null as unknown }; node.self = node; return node }
      export default (args: { kind: string }) => pipeline('shop', (flow) =>
        flow.from(generate(100, (i) => i))
          .pipe(
            map(((i: number) => args.kind === 'cyclic' ? around(i) : { id: i, at: Promise.resolve(i) }) as any),
            keyBy((node: any) => node.id),
            scan((_: unknown, node: any) => node, null, { name: 'last' }),
          )
          .to(blackhole()))`,
  })
  const expected = {
    cyclic: /^operator .*keyBy: record\.self(\.self)* is a cyclic structure.*send plain data/,
    promise: /^operator .*keyBy: record\.at is an instance of Promise.*mergeMap\(async/,
  }
  for (const [kind, message] of Object.entries(expected)) {
    const job = run(join(folder, 'job.ts'), { slots: 2, args: { kind } })
    await t.rejects(job.done, { code: 'E_CANNOT_TRAVEL', message })
  }
})
