/**
 * What users read in their editor: every export of the public entry points says what it is, and the
 * examples of docstrings compile; those that test a pipeline are run, and `expression // value` holds.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { ROOT } from './support/command.js'

// Compiling every example takes its time on a busy machine.
t.setTimeout(400_000)

const ENTRIES = {
  millrace: 'lib/index.ts',
  'millrace/actors': 'actors/index.ts',
  'millrace/connectors': 'lib/connectors/index.ts',
  'millrace/testing': 'actors/testing/index.ts',
}

/** What examples take as given. */
const GIVEN = `
import { type Observable } from 'rxjs'
import * as rx7 from 'rxjs'
interface Bid { auction: number; channel: string; price: number }
interface Visit { user: string }
interface Order { id: number; warehouse: number }
declare const flow: Flow
declare const anything: Stream<any>
declare const alerts: Stream<string>
declare const counts: Stream<readonly [word: string, n: number]>
declare const events: Stream<Bid>
declare const orders: Stream<Order>
declare const rows: Stream<Bid>
declare const trips: Stream<{ zone: string; fare: number }>
declare const words: Stream<string>
declare const clicks$: Observable<Bid>
declare const wordCount: Pipeline
declare const db: any
declare const [bill, insertMany, lookUp, notify, record]: ((given: any) => Promise<any>)[] & any
`

interface Exported {
  readonly entry: string
  readonly name: string
  readonly isType: boolean
  readonly text: string
  readonly examples: readonly Example[]
  readonly isOperator: boolean
}

interface Example {
  readonly text: string
  /** It stands within \`pipe\`: what is indented, of an operator. */
  readonly inPipe: boolean
}

const options: ts.CompilerOptions = {
  ...ts.convertCompilerOptionsFromJson(
    JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8')).compilerOptions,
    ROOT,
  ).options,
  noEmit: true,
  incremental: false,
  noUnusedLocals: false,
  // Modules import everything; what is only a type is left out of those that run.
  verbatimModuleSyntax: false,
}
delete options.tsBuildInfoFile

const exported = publicExports()

function publicExports(): readonly Exported[] {
  const files = Object.values(ENTRIES).map((file) => join(ROOT, file))
  const program = ts.createProgram(files, options)
  const checker = program.getTypeChecker()
  return Object.entries(ENTRIES).flatMap(([entry, file]) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(join(ROOT, file))!)!
    return checker.getExportsOfModule(module).map((symbol) => {
      const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0
      return describe(entry, isAlias ? checker.getAliasedSymbol(symbol) : symbol, checker)
    })
  })
}

function describe(entry: string, symbol: ts.Symbol, checker: ts.TypeChecker): Exported {
  const text = ts.displayPartsToString(symbol.getDocumentationComment(checker))
  const tagged = symbol
    .getJsDocTags(checker)
    .filter(({ name }) => name === 'example')
    .map((tag) => ts.displayPartsToString(tag.text))
  const indented = [...text.matchAll(/^(?: {4}.*(?:\n|$))+/gm)].map(([block]) =>
    block.replace(/^ {4}/gm, ''),
  )
  const file = symbol.declarations?.[0]?.getSourceFile().fileName ?? ''
  const isOperator = /lib\/(operators|flow\/partition)/.test(file)
  return {
    entry,
    name: symbol.name,
    isType: (symbol.flags & ts.SymbolFlags.Value) === 0,
    text,
    examples: [
      ...tagged.map((text) => ({ text, inPipe: false })),
      ...indented.map((text) => ({ text, inPipe: isOperator })),
    ],
    isOperator,
  }
}

/** One module per example: everything public is imported, what it takes as given is declared. */
function moduleOf({ text, inPipe }: Example, own: string): string {
  const seen = new Set<string>()
  // A name that two entry points have means that of its own.
  const entries = [own, ...Object.keys(ENTRIES).filter((entry) => entry !== own)]
  const imports = entries.map((entry) => {
    const names = exported.filter((each) => each.entry === entry && !seen.has(each.name))
    for (const { name } of names) seen.add(name)
    return `import { ${names.map(({ name }) => name).join(', ')} } from '${entry}'`
  })
  const body = inPipe
    ? statements(text).map((operators) => `anything.pipe(${operators})`)
    : [text.replace('export default ', 'const exported = ')]
  return [...imports, GIVEN, '{', ...body, '}'].join('\n')
}

/** Operators in consecutive lines; a line that leaves a bracket open goes on in the next. */
function statements(example: string): readonly string[] {
  const found: string[] = []
  let open = ''
  for (const line of example.trimEnd().split('\n')) {
    open += `${line}\n`
    const depth = [...open].reduce(
      (n, c) => n + Number('({['.includes(c)) - Number(')}]'.includes(c)),
      0,
    )
    if (depth > 0) continue
    found.push(open)
    open = ''
  }
  return found
}

t.test('every export of a public entry point says what it is', (t) => {
  const silent = exported.filter(({ text }) => text === '')
  t.same(
    silent.map(({ entry, name }) => `${entry}: ${name}`),
    [],
  )
  t.end()
})

t.test('every operator and every connector has an example', (t) => {
  const functions = exported.filter(
    ({ entry, name, isType, isOperator }) =>
      !isType && /^[a-z]/.test(name) && (isOperator || entry === 'millrace/connectors'),
  )
  t.ok(functions.length > 30)
  const without = functions.filter(({ examples }) => examples.length === 0)
  // Partitioners take nothing, and the synonyms point to their first name.
  const plain = [
    'broadcast',
    'fromArray',
    'global',
    'rebalance',
    'rescale',
    'shuffle',
    'toObservable',
  ]
  t.same(without.map(({ name }) => name).sort(), plain)
  t.end()
})

t.test('the examples of docstrings compile', (t) => {
  const modules = new Map<string, string>()
  for (const each of exported) {
    each.examples.forEach((example, i) => {
      modules.set(
        join(ROOT, 'test', `docstring-${each.name}-${i}.ts`),
        moduleOf(example, each.entry),
      )
    })
  }
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = (file) => modules.has(file) || fileExists(file)
  host.readFile = (file) => modules.get(file) ?? readFile(file)
  host.getSourceFile = (file, version, ...rest) => {
    const text = modules.get(file)
    return text === undefined
      ? getSourceFile(file, version, ...rest)
      : ts.createSourceFile(file, text, version)
  }
  const program = ts.createProgram([...modules.keys()], options, host)
  t.ok(modules.size > 40, `${modules.size} examples`)
  const problems = [...modules.keys()].flatMap((file) => {
    const source = program.getSourceFile(file)!
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
  })
  t.same(problems.map(problemText), [])
  t.end()
})

function problemText({ file, start, messageText }: ts.Diagnostic): string {
  const { line } = file!.getLineAndCharacterOfPosition(start ?? 0)
  const code = file!.text.split('\n')[line]
  return `${file!.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}: ${code}`
}

t.test('the examples that test a pipeline give what they say', async (t) => {
  const complete = exported.flatMap((each) =>
    each.examples
      .filter(({ text }) => text.includes('runTest('))
      .map((example) => ({ each, example })),
  )
  t.ok(complete.length >= 2)
  for (const { each, example } of complete) {
    const checked = example.text.replace(/^(\w.*) \/\/ (.+)$/gm, 'same($1, $2)')
    t.not(checked, example.text, `${each.name} says what comes out`)
    const module = moduleOf({ text: checked, inPipe: false }, each.entry)
    const text = `${module.replace('\n{', '\nexport const example = async (same: any) => {')}`
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: { ...options, module: ts.ModuleKind.ESNext, sourceMap: false },
    })
    const folder = t.testdir({ [`${each.name}.mjs`]: outputText })
    const { example: run } = await import(join(folder, `${each.name}.mjs`))
    await run((seen: unknown, said: unknown) => t.same(seen, said, each.name))
  }
})
