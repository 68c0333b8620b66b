/** The README: every TypeScript block is type-checked, and does what the text around it says. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { projectRoot, readmeBlock, readmeBlocks } from './support/readme.js'

const TEXT = 'To be, or not to be, that is the question\nTo mill\n'
const WORDS = 'to\t3\nbe\t2\nor\t1\nnot\t1\nthat\t1\nis\t1\nthe\t1\nquestion\t1\nmill\t1\n'
const CSV = 'id,city,total\n1,Oslo,10\n2,Bergen,5.5\n3,Oslo,2\n4,Oslo,-1\n'
const ORDERS =
  '{"city":"Oslo","total":10}\nnot an order\n{"city":"Bergen","total":5}\n{"city":"Oslo","total":2}\n'

const VISITS = [
  { user: 'ann', at: 1_000 },
  { user: 'bob', at: 2_000 },
  { user: 'ann', at: 61_000 },
  { user: 'ann', at: 59_000 },
]

/** Inside the project, so that `millrace` means the project itself. */
const folder = t.testdir({
  'hamlet.txt': TEXT,
  'orders.ndjson': ORDERS,
  'orders.csv': CSV,
  'visits.ndjson': VISITS.map((visit) => `${JSON.stringify(visit)}\n`).join(''),
})
const blocks = readmeBlocks().filter(({ language }) => language === 'ts')

t.test('every TypeScript block names its file', async (t) => {
  t.same(
    blocks.filter(({ file }) => file === null).map(({ code }) => code.split('\n')[0]),
    [],
  )
})

t.test('every TypeScript block compiles under strict rules', async (t) => {
  const names = blocks.map(({ file, code }) => {
    const path = join(folder, file!)
    writeFileSync(path, code)
    return path
  })
  const program = ts.createProgram(names, {
    strict: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    typeRoots: [join(projectRoot, 'node_modules/@types')],
  })
  const problems = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics]
  t.same(
    problems.map((problem) => ts.flattenDiagnosticMessageText(problem.messageText, '\n')),
    [],
  )
})

t.test('word-count.ts counts words on two slots', async (t) => {
  const { code, stdout, stderr } = await millrace('run', 'word-count.ts', '--slots', '2')
  t.equal(code, 0, stderr)
  t.same(sorted(stdout), sorted(WORDS))
})

t.test('turnover.ts adds per city', async (t) => {
  const { code, stdout, stderr } = await millrace('run', 'turnover.ts')
  t.equal(code, 0, stderr)
  t.same(sorted(stdout), ['Bergen 5.50', 'Oslo 12.00'])
})

t.test('visits.ts counts per user and minute, also what comes out of order', async (t) => {
  const { code, stdout, stderr } = await millrace('run', 'visits.ts')
  t.equal(code, 0, stderr)
  t.same(sorted(stdout), [
    '{"key":"ann","start":0,"end":60000,"value":2}',
    '{"key":"ann","start":60000,"end":120000,"value":1}',
    '{"key":"bob","start":0,"end":60000,"value":1}',
  ])
})

t.test('run-on-slots.ts runs the module beside it', async (t) => {
  const { code, stdout, stderr } = await node('run-on-slots.js')
  t.equal(code, 0, stderr)
  t.same(sorted(stdout), sorted(WORDS))
  t.match(stderr, /^Finished: 2 lines, 9 words$/m)
})

t.test('supervised.ts survives a failure and sets broken lines apart', async (t) => {
  const { code, stdout, stderr } = await node('supervised.js')
  t.equal(code, 0, stderr)
  t.equal(stdout, readmeBlock('text', 'tax failed').code, 'it prints what the README shows')
  const taxed = readFileSync(join(folder, 'taxed.ndjson'), 'utf8')
  t.equal(taxed.split('\n').length, 4, 'three orders, each once: the file is written anew')
  t.match(readFileSync(join(folder, 'rejected.ndjson'), 'utf8'), /"record":"not an order"/)
})

t.test(
  'resumable.ts counts on, and a second run from its last checkpoint adds nothing',
  async (t) => {
    const first = await millrace(
      'run',
      'resumable.ts',
      ...CHECKPOINTS,
      '--checkpoint-interval',
      '1s',
    )
    t.equal(first.code, 0, first.stderr)
    const shown = () => readdirSync(join(folder, 'out')).filter((name) => !name.startsWith('.'))
    t.equal(shown().length, 1)
    t.match(readFileSync(join(folder, 'out', shown()[0]!), 'utf8'), /^1 lines of 41 characters$/m)
    const again = await millrace('run', 'resumable.ts', ...CHECKPOINTS, '--restore', 'latest')
    t.equal(again.code, 0, again.stderr)
    t.equal(shown().length, 1, 'it had finished')
    const list = await millrace('snapshots', 'list', 'state')
    t.equal(list.code, 0, list.stderr)
    t.match(list.stdout, /running-counts|checkpoint/)
  },
)

const CHECKPOINTS = ['--checkpoint-dir', 'state']

t.test('resumable.ts does the same with its state on disk', async (t) => {
  const [line] = readmeBlock('sh', '--state-backend level').code.trim().split('\n')
  const words = line!.replace('/mnt/nvme', t.testdir({})).split(' ')
  t.same(words.splice(0, 2), ['npx', 'millrace'])
  rmSync(join(folder, 'out'), { recursive: true })
  const { code, stderr } = await millrace(...words)
  t.equal(code, 0, stderr)
  const [part] = readdirSync(join(folder, 'out')).filter((name) => !name.startsWith('.'))
  t.match(readFileSync(join(folder, 'out', part!), 'utf8'), /^1 lines of 41 characters$/m)
})

t.test('sums.test.ts passes', async (t) => {
  t.same(await node('sums.test.js'), { code: 0, stdout: '', stderr: '' })
})

const millrace = (...args: readonly string[]) =>
  run([join(projectRoot, 'dist/actors/cli/main.js'), ...args])
const node = (script: string) => run([script])

function run(args: readonly string[]) {
  const env = { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' }
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, args, { cwd: folder, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr })
    })
  })
}

const sorted = (text: string) => text.trimEnd().split('\n').sort()
