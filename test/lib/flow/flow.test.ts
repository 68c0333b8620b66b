import { fileURLToPath } from 'node:url'
import { identity, of } from 'rxjs'
import t from 'tap'
import ts from 'typescript'
import { callSite, userFrame } from '../../../lib/base/call-site.js'
import type { MillraceError } from '../../../lib/base/errors.js'
import type { Flow } from '../../../lib/flow/flow.js'
import {
  count,
  distinct,
  filter,
  isPipeline,
  keyBy,
  map,
  merge,
  mergeMap,
  type PipelineOptions,
  pipeline,
  reduce,
  rx,
  type Stream,
  scan,
  take,
} from '../../../lib/index.js'
import { lines, remember, sink, ticks } from '../../support/fake-parts.js'

const names = (build: (flow: Flow) => void, options?: PipelineOptions): string[] =>
  pipeline('job', build, options)
    .compose()
    .graph.nodes.map((node) => node.name)

/** The error of composing, with every place as `@line` relative to the first one in the message. */
function refusal(build: (flow: Flow) => void, options?: PipelineOptions): MillraceError {
  try {
    pipeline('job', build, options).compose()
  } catch (error) {
    return error as MillraceError
  }
  throw new Error('was not refused')
}

/** What is not allowed by type must still be refused where types are not checked. */
const same = (stream: unknown) => stream as Stream<string>

const twiceThenDeadLetter = { retry: 2, otherwise: 'deadLetter' } as const

const HERE = /[^\s(]*flow\.test\.(ts|js):\d+:\d+/g
const said = (error: MillraceError) => `${error.code}: ${error.message.replace(HERE, '@')}`

t.test('the name of an operator is the path from its source, or from the last given name', (t) => {
  const path = names((flow) => {
    flow
      .from(lines('hamlet.txt'))
      .pipe(
        mergeMap((line) => line.split(' ')),
        keyBy((word) => word),
        count(),
        map(([word]) => word, { name: 'words' }),
        filter((word) => word !== ''),
      )
      .to(sink())
  })
  t.strictSame(path, [
    'lines(hamlet.txt)',
    'lines(hamlet.txt)/mergeMap',
    'lines(hamlet.txt)/mergeMap/keyBy',
    'lines(hamlet.txt)/mergeMap/keyBy/count',
    'words',
    'words/filter',
    'words/filter/print',
  ])
  t.end()
})

t.test('stateless operators of one path are numbered, and no path contains a number', (t) => {
  const path = names((flow) => {
    const text = flow.from(lines('a'))
    text.pipe(map((line) => line)).to(sink())
    text.pipe(map((line) => line)).to(sink())
    const again = text.pipe(map((line) => line))
    again.pipe(distinct()).to(sink())
    merge(text, again).to(sink())
  })
  t.strictSame(path, [
    'lines(a)',
    'lines(a)/map',
    'lines(a)/map/print',
    'lines(a)/map#2',
    'lines(a)/map/print#2',
    'lines(a)/map#3',
    'lines(a)/map/distinct',
    'lines(a)/map/distinct/print',
    'merge(lines(a), lines(a)/map)',
    'merge(lines(a), lines(a)/map)/print',
  ])
  t.end()
})

t.test('two stateful operators of one path, and two equal given names, are refused', (t) => {
  const derived = refusal((flow) => {
    const text = flow.from(lines('a'))
    text
      .pipe(
        keyBy((line) => line),
        count(),
      )
      .to(sink())
    text
      .pipe(
        keyBy((line) => line.length),
        count(),
      )
      .to(sink())
  })
  t.equal(
    said(derived),
    "E_DUPLICATE_NAME: pipeline 'job': count (@) and count (@) are both called 'lines(a)/keyBy/count'. State is found again by its operator's name: give one of them its own, count(…, { name: '…' }).",
  )
  const given = refusal((flow) => {
    flow.from(lines('a'), { name: 'x' }).to(sink(), { name: 'x' })
  })
  t.equal(
    said(given),
    "E_DUPLICATE_NAME: pipeline 'job': lines (@) and print (@) are both called 'x'. Names are unique in a pipeline: choose another for one of them.",
  )
  t.end()
})

t.test('a wrong graph is refused with the operator, the line of user code, and what to do', (t) => {
  const wrong: [
    law: string,
    build: (flow: Flow) => void,
    options: PipelineOptions,
    text: string,
  ][] = [
    [
      'empty',
      () => {},
      {},
      "E_NO_SINK: pipeline 'job': a pipeline needs a sink, but it is empty: end it with .to(…), for example .to(print()).",
    ],
    [
      'no sink',
      (flow) => void flow.from(lines('a')).pipe(map((line) => line)),
      {},
      "E_NO_SINK: pipeline 'job': a pipeline needs a sink, but nothing reads map (@): end it with .to(…), for example .to(print()).",
    ],
    [
      'dangling',
      (flow) => {
        flow.from(lines('a')).to(sink())
        flow.from(lines('b'))
      },
      {},
      "E_DANGLING_STREAM: pipeline 'job': lines(b) (@) makes a stream that nothing reads: end it with .to(…), merge it into another stream, or remove it.",
    ],
    [
      'needs a key',
      (flow) =>
        flow
          .from(lines('a'))
          .pipe(map(String), remember() as never, same)
          .to(sink()),
      {},
      "E_NEEDS_KEY: pipeline 'job': remember (@) needs keyBy(…) earlier in the pipe.",
    ],
    [
      'a key is forbidden',
      (flow) =>
        flow
          .from(lines('a'))
          .pipe(
            keyBy((line) => line),
            rx(identity) as never,
            same,
          )
          .to(sink()),
      {},
      "E_KEY_FORBIDDEN: pipeline 'job': rx (@) cannot stand behind keyBy(…): put it before keyBy, or end the key with rebalance().",
    ],
    [
      'too parallel',
      (flow) =>
        flow
          .from(lines('a'))
          .pipe(map((line) => line, { parallelism: 200 }))
          .to(sink()),
      {},
      "E_PARALLELISM: pipeline 'job': map (@) has parallelism 200, above maxParallelism 128: lower it, or raise maxParallelism in the pipeline's options.",
    ],
    [
      'parallelism is no count',
      (flow) => flow.from(lines('a')).to(sink(), { parallelism: 1.5 }),
      { maxParallelism: 4 },
      "E_PARALLELISM: pipeline 'job': print (@) has parallelism 1.5: it must be a whole number from 1 to 4.",
    ],
    [
      'too many key groups',
      (flow) => flow.from(lines('a')).to(sink()),
      { maxParallelism: 100_000 },
      "E_PARALLELISM: pipeline 'job': maxParallelism must be a whole number from 1 to 32768, but it is 100000.",
    ],
    [
      'pipeline too parallel',
      (flow) => flow.from(lines('a')).to(sink()),
      { parallelism: 0 },
      "E_PARALLELISM: pipeline 'job': it has parallelism 0: it must be a whole number from 1 to 128.",
    ],
    [
      'whole stream in parallel',
      (flow) =>
        flow
          .from(lines('a'))
          .pipe(take(3, { parallelism: 4 }))
          .to(sink()),
      {},
      "E_WHOLE_STREAM: pipeline 'job': take (@) sees the whole stream, so it cannot have parallelism 4: remove the option, or put keyBy(…) before it.",
    ],
    [
      'never speaks',
      (flow) =>
        flow
          .from(ticks())
          .pipe(
            map((n) => n),
            keyBy((n) => n),
            count(),
          )
          .to(sink()),
      {},
      "E_NEVER_SPEAKS: pipeline 'job': count (@) speaks when its stream ends, but ticks (@) never ends: use scan(…), which speaks at every record, or put window(…) before it.",
    ],
    [
      'exactly-once with weaker parts',
      (flow) =>
        flow
          .from(lines('a', { replays: false }))
          .pipe(rx(identity))
          .to(sink()),
      { guarantee: 'exactly-once' },
      "E_GUARANTEE: pipeline 'job':\n  - lines(a) (@) cannot be read again after a failure, but the pipeline demands exactly-once: use another, or demand less with guarantee: 'at-least-once'.\n  - rx (@) cannot be replayed after a failure, but the pipeline demands exactly-once: use another, or demand less with guarantee: 'at-least-once'.\n  - print (@) repeats its output after a failure, but the pipeline demands exactly-once: use another, or demand less with guarantee: 'at-least-once'.",
    ],
    [
      'dead letters unread',
      (flow) =>
        flow
          .from(lines('a'))
          .pipe(map((line) => line, { onRecordError: twiceThenDeadLetter }))
          .to(sink()),
      {},
      "E_DEAD_LETTERS_UNREAD: pipeline 'job': map (@) turns failing records into dead letters, but nothing reads them: add flow.deadLetters().to(…), or choose 'skip' or 'fail'.",
    ],
    [
      'dead letters of dead letters',
      (flow) => {
        flow.from(lines('a')).to(sink())
        flow
          .deadLetters()
          .pipe(map((letter) => letter, { onRecordError: 'deadLetter' }))
          .to(sink())
      },
      {},
      "E_DEAD_LETTERS_CYCLE: pipeline 'job': map (@) stands behind flow.deadLetters(), so its own dead letters would be its input again: choose 'skip' or 'fail'.",
    ],
    [
      'asynchronous',
      (async () => {}) as () => void,
      {},
      "E_ASYNC_BUILD: pipeline 'job': the build function returned a promise. It must build the graph at once: load what it needs before, at the top of the module.",
    ],
    [
      'not a stream',
      () => merge('text' as never),
      {},
      'E_NO_STREAM: merge (@) needs streams made by flow.from(…), but was given something else.',
    ],
  ]
  for (const [law, build, options, text] of wrong) t.equal(said(refusal(build, options)), text, law)
  t.end()
})

t.test('streams of another pipeline, and a flow kept for later, are refused', (t) => {
  let kept: Flow | null = null
  let foreign: Stream<string> | null = null
  pipeline('first', (flow) => {
    kept = flow
    foreign = flow.from(lines('a'))
    foreign.to(sink())
  }).compose()
  const mixed = refusal((flow) => merge(flow.from(lines('a')), foreign!).to(sink()))
  t.equal(
    said(mixed),
    "E_OTHER_PIPELINE: pipeline 'job': merge (@) uses a stream of pipeline 'first'. Streams belong to the flow that made them: create it with this flow.from(…).",
  )
  const late = refusal(() => kept!.from(lines('b')))
  t.equal(
    said(late),
    "E_FLOW_CLOSED: lines (@) was added to pipeline 'first' after its build function had returned: compose everything inside pipeline('first', (flow) => …), synchronously.",
  )
  t.throws(() => pipeline(' ', () => {}), { code: 'E_PIPELINE_NAME' })
  t.end()
})

t.test('what ends its stream makes an endless one bounded, but not per key', (t) => {
  t.doesNotThrow(() => names((flow) => flow.from(ticks()).pipe(take(5), count()).to(sink())))
  const keyed = refusal((flow) =>
    flow
      .from(ticks())
      .pipe(
        keyBy((n) => n),
        take(5),
        count(),
      )
      .to(sink()),
  )
  t.equal(keyed.code, 'E_NEVER_SPEAKS')
  t.doesNotThrow(() =>
    names((flow) =>
      flow
        .from(ticks())
        .pipe(scan((n) => n, 0))
        .to(sink()),
    ),
  )
  t.end()
})

t.test('dead letters come from all whose policy may be a dead letter, except behind them', (t) => {
  const { graph } = pipeline(
    'job',
    (flow) => {
      flow
        .deadLetters()
        .pipe(map((letter) => letter.operator))
        .to(sink('letters'))
      flow
        .from(lines('a'))
        .pipe(
          map((line) => line, { onRecordError: 'skip' }),
          filter(() => true, { onRecordError: () => 'deadLetter' }),
          reduce((n) => n, 0),
        )
        .to(sink())
      t.equal(flow.deadLetters(), flow.deadLetters())
    },
    { onRecordError: 'deadLetter' },
  ).compose()
  const nodeOf = (id: number) => graph.nodes.find((node) => node.id === id)!.label
  const letters = graph.edges.filter((edge) => edge.output === 'dead-letters')
  t.strictSame(
    letters.map((edge) => [nodeOf(edge.from), nodeOf(edge.to)]),
    [
      ['lines(a)', 'dead-letters'],
      ['filter', 'dead-letters'],
      ['reduce', 'dead-letters'],
    ],
  )
  t.strictSame(
    graph.nodes.filter((node) => node.deadLetters).map((node) => node.label),
    ['lines(a)', 'filter', 'reduce'],
  )
  t.match(
    graph.nodes.map((node) => node.onRecordError),
    [null, null, null, null, 'skip', /^decided by function [0-9a-f]{16}$/],
  )
  t.end()
})

t.test('composing is repeatable, and the fingerprint sees code and settings but not lines', (t) => {
  const job = (scale: number, text = (line: string) => line.length * 1) =>
    pipeline('job', (flow) =>
      flow
        .from(lines('a'))
        .pipe(map(text, { parallelism: scale }))
        .to(sink()),
    )
  const one = job(1)
  t.equal(one.compose().fingerprint, one.compose().fingerprint)
  t.not(one.compose().runtime.get(0), undefined)
  t.equal(job(1).compose().fingerprint, one.compose().fingerprint)
  t.not(job(2).compose().fingerprint, one.compose().fingerprint)
  t.not(job(1, (line) => line.length * 2).compose().fingerprint, one.compose().fingerprint)
  const elsewhere = pipeline('job', (flow) =>
    flow
      .from(lines('a'))

      .pipe(map((line: string) => line.length * 1, { parallelism: 1 }))
      .to(sink()),
  )
  t.equal(elsewhere.compose().fingerprint, one.compose().fingerprint)
  t.ok(isPipeline(one))
  t.notOk(isPipeline({ name: 'job', compose: () => null }))
  t.end()
})

t.test('what is no source is wrapped as one, or refused', (t) => {
  const { graph } = pipeline('job', (flow) => {
    flow.from([1, 2]).to(sink())
    flow.from(of(1), { capacity: 4, overflow: 'fail', name: 'seen' }).to(sink())
    flow.from((async function* () {})()).to(sink())
  }).compose()
  const sources = graph.nodes.filter((node) => node.role === 'source')
  t.strictSame(
    sources.map(({ kind, name, replays, restarts }) => [kind, name, replays, restarts]),
    [
      ['collection', 'collection(2)', true, true],
      ['fromObservable', 'seen', false, false],
      ['fromAsyncIterable', 'fromAsyncIterable', false, false],
    ],
  )
  t.equal(
    said(refusal((flow) => flow.from('a.txt' as never))),
    "E_NO_SOURCE: flow.from (@) needs a source of millrace/connectors, an Observable, an async iterable or an array, but was given the text 'a.txt'. For a file: flow.from(lines('a.txt')).",
  )
  t.end()
})

t.test("the place of an operator is the line of its own call in the user's code", (t) => {
  const { graph } = pipeline('job', (flow) =>
    flow
      .from(lines('a'))
      .pipe(
        map((line) => line),
        filter(() => true),
      )
      .to(sink()),
  ).compose()
  const rows = graph.nodes.map((node) => Number(/:(\d+):\d+$/.exec(node.at)![1]))
  t.strictSame(
    rows.map((row) => row - rows[0]!),
    [0, 2, 3, 5],
  )
  t.ok(graph.nodes.every((node) => /flow\.test\.[jt]s:/.test(node.at)))
  const stack = [
    'Error: x',
    '    at pipe (file:///app/dist/lib/flow/a.js:1:2)',
    '    at Array.map (<anonymous>)',
    '    at node:internal/x:1:2',
    '    at async Object.run (/my app (1)/job.ts:12:7)',
  ]
  t.equal(userFrame(stack.join('\n'), ['/app/dist/lib/']), '/my app (1)/job.ts:12:7')
  t.equal(userFrame('Error: x'), '(unknown place)')
  t.end()
})

t.test('a process that wants no stacks pays for none', (t) => {
  const { stackTraceLimit } = Error
  t.not(callSite()(), '(unknown place)')
  Error.stackTraceLimit = 0
  const site = callSite()
  t.equal(Error.stackTraceLimit, 0)
  Error.stackTraceLimit = stackTraceLimit
  t.equal(site(), '(unknown place)')
  t.end()
})

t.test("a mistake does not compile, and is reported on the user's line in readable words", (t) => {
  // Against the declarations that were built: what a user's compiler sees.
  const root = fileURLToPath(new URL('../../../', import.meta.url))
  const head = `import { pipeline, hashJoin, keyBy, count, map, scan } from '${root}lib/index.js'
import { lines, remember, sink } from '${root}test/support/fake-parts.js'
`
  const snippets: [law: string, body: string, line: number, text: RegExp][] = [
    [
      'keyed state without keyBy',
      "flow.from(lines('a')).pipe(\n map((line) => line.length),\n remember(),\n).to(sink())",
      5,
      /needs keyBy\(\.\.\.\) earlier in the pipe/,
    ],
    [
      'sides of a join whose keys never are equal',
      "const other = flow.from(lines('b')).pipe(keyBy((line) => line))\nflow.from(lines('a')).pipe(\n keyBy((line) => line.length),\n hashJoin(other),\n).to(sink())",
      6,
      /needs keyBy\(\.\.\.\) with the same type of key on both sides/,
    ],
    [
      'an unknown field',
      "flow.from(lines('a')).pipe(\n map((line) => ({ size: line.length })),\n keyBy((row) => row.sise),\n count(),\n).to(sink())",
      5,
      /Property 'sise' does not exist on type '\{ size: number; \}'/,
    ],
    [
      'a sink for other records',
      "flow.from(lines('a')).pipe(\n keyBy((line) => line),\n count()).to(\n sink<string>())",
      6,
      /'readonly \[key: string, value: number\]' is not assignable to type 'string'/,
    ],
    [
      'a wrong accumulator',
      "flow.from(lines('a')).pipe(\n scan((total, line) => total + line.length, 'x'),\n map((total) => total.toFixed()),\n).to(sink())",
      5,
      /Property 'toFixed' does not exist on type 'string'/,
    ],
  ]
  const files = snippets.map(([, body], index): [string, string] => [
    `${root}test/types/snippet-${index}.ts`,
    `${head}pipeline('x', (flow) => { ${body} })`,
  ])
  const found = diagnose(new Map(files))
  snippets.forEach(([law, , line, text], index) => {
    const messages = found.filter((message) => message.file === files[index]![0])
    t.equal(messages.length, 1, `${law}: one message`)
    t.match(messages[0]?.text, text, law)
    t.equal(messages[0]?.line, line, `${law}: on its line`)
  })
  t.end()
})

interface Message {
  readonly file: string
  readonly line: number
  readonly text: string
}

/** Compiles files that exist in memory only; lines count from 1. */
function diagnose(files: ReadonlyMap<string, string>): Message[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
  }
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.fileExists = (name) => files.has(name) || fileExists.call(host, name)
  host.getSourceFile = (name, ...rest) => {
    const text = files.get(name)
    if (text === undefined) return getSourceFile.call(host, name, ...rest)
    return ts.createSourceFile(name, text, ts.ScriptTarget.ES2022)
  }
  const program = ts.createProgram([...files.keys()], options, host)
  return [...files.keys()].flatMap((name) =>
    program.getSemanticDiagnostics(program.getSourceFile(name)).map((diagnostic) => ({
      file: name,
      line: diagnostic.file!.getLineAndCharacterOfPosition(diagnostic.start!).line + 1,
      text: ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'),
    })),
  )
}
