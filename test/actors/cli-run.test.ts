/** `millrace run` for real: processes, worker threads, pipes and signals. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { spawnCli, startCli } from '../support/cli.js'

process.env.MILLRACE_CACHE_DIR = t.testdir()

const IMPORTS = `import { count, keyBy, map, mergeMap, pipeline, tap } from 'millrace'
import { blackhole, generate, lines, print } from 'millrace/connectors'
`
const MODULES = {
  'words.ts': `${IMPORTS}
    export default (args: { _: string[]; mark?: string }) =>
      pipeline('words', (flow) =>
        flow.from(lines(args._)).pipe(
          mergeMap((line) => line.split(' ')),
          keyBy((word) => word),
          count(),
          map(([word, n]) => (args.mark ?? '') + word + '=' + n),
        ).to(print()))`,
  'endless.ts': `${IMPORTS}
    export default pipeline('endless', (flow) =>
      flow.from(generate(Infinity, (n) => n, { perSecond: 2000 })).to(print()))`,
  'stuck.ts': `${IMPORTS}
    export default pipeline('stuck', (flow) =>
      flow.from(generate(10, (n) => n)).pipe(tap(() => { console.log('stuck'); for (;;); })).to(print()))`,
  'many.ts': `${IMPORTS}
    export default pipeline('many', (flow) => flow.from(generate(200_000, (n) => n)).to(print()))`,
  'logging.ts': `${IMPORTS}
    export default pipeline('logging', (flow) =>
      flow.from(generate(Infinity, (n) => n)).pipe(tap((n) => console.log(n))).to(blackhole()))`,
  'failing.ts': `${IMPORTS}
    const check = (n: number) => {
      if (n === 5) throw new TypeError('five is right out')
      return n
    }
    export default pipeline('failing', (flow) =>
      flow.from(generate(10, (n) => n)).pipe(map(check, { name: 'check' })).to(print()))`,
  'one.txt': 'a b a\n',
  'two.txt': 'c a b\n',
}

const folder = t.testdir(MODULES)
const options = { cwd: folder, env: { MILLRACE_CACHE_DIR: process.env.MILLRACE_CACHE_DIR! } }

/** Is gone at the end of the test, whatever happens in it. */
function start(t: Test, ...args: string[]) {
  const run = startCli(['run', ...args], options)
  t.teardown(() => run.child.kill('SIGKILL'))
  return run
}

/** A machine that is slow shows progress where another would have ended already. */
const withoutProgress = (stderr: string) => stderr.replace(/^millrace: \d.*\n/gm, '')

const sorted = (text: string) => text.trim().split('\n').sort()

t.test('files given as arguments are counted, on one slot and on two', async (t) => {
  const line = 'run words.ts one.txt two.txt --arg mark=# --summary s.json'
  const [one, two] = await Promise.all([
    spawnCli(line.split(' '), options),
    spawnCli('run words.ts one.txt --slots 2 --quiet -- two.txt'.split(' '), options),
  ])
  t.same(sorted(one.stdout), ['#a=3', '#b=2', '#c=1'])
  t.equal(one.code, 0)
  t.match(withoutProgress(one.stderr), /^words finished in .*: 2 records in \(.*\), 3 out\n$/)
  t.match(JSON.parse(await readFile(join(folder, 's.json'), 'utf8')), {
    pipeline: 'words',
    state: 'Finished',
    partial: false,
    recordsIn: 2,
    recordsOut: 3,
  })
  t.same(sorted(two.stdout), ['a=3', 'b=2', 'c=1'])
  t.same([two.code, two.stderr], [0, ''])
})

t.test('Ctrl-C ends a job with what it has read, and SIGTERM does', async (t) => {
  const interrupt = async (signal: 'SIGINT' | 'SIGTERM') => {
    const run = start(t, 'endless.ts')
    await run.until(({ stdout }) => stdout.length > 0)
    run.child.kill(signal)
    const { code, stdout, stderr } = await run.ended
    t.equal(code, 130)
    const numbers = stdout.trim().split('\n').map(Number)
    t.same(numbers, Array.from(numbers.keys()), 'every line whole and in order')
    const [draining, summary] = withoutProgress(stderr).trim().split('\n')
    t.match(draining, /^millrace: draining/)
    t.match(summary, `endless finished (partial) in`)
    t.match(summary, / (\d[\d,]*) records in .*, \1 out$/)
  }
  await Promise.all([interrupt('SIGINT'), interrupt('SIGTERM')])
})

t.test('a second Ctrl-C ends at once, even a job whose code never returns', async (t) => {
  const run = start(t, 'stuck.ts')
  await run.until(({ stdout }) => stdout === 'stuck\n')
  run.child.kill('SIGINT')
  await run.until(({ stderr }) => stderr.includes('draining'))
  run.child.kill('SIGINT')
  t.match(await run.ended, { code: 130, stdout: 'stuck\n' })
})

t.test('a reader that goes away ends the job quietly', async (t) => {
  const leave = async (module: string) => {
    const run = start(t, module)
    await run.until(({ stdout }) => stdout.length > 0)
    run.child.stdout.destroy()
    const { code, stderr } = await run.ended
    t.same([code, withoutProgress(stderr)], [0, ''], module)
  }
  await Promise.all(['many.ts', 'logging.ts'].map(leave))
})

t.test('a slow reader gets every line', async (t) => {
  const run = start(t, 'many.ts', '--quiet')
  let slowly = 0
  run.child.stdout.on('data', async () => {
    if (slowly++ > 20) return
    run.child.stdout.pause()
    for (let turn = 0; turn < 50; turn++) await nextTurn()
    run.child.stdout.resume()
  })
  const { code, stdout } = await run.ended
  t.equal(code, 0)
  t.equal(stdout, Array.from({ length: 200_000 }, (_, n) => `${n}\n`).join(''))
})

t.test("a job that fails says so once, with the user's line", async (t) => {
  const [usual, quiet] = await Promise.all([
    spawnCli(['run', 'failing.ts'], options),
    spawnCli(['run', 'failing.ts', '--quiet'], options),
  ])
  t.equal(usual.code, 1)
  t.match(usual.stderr, /failure 1: [\s\S]*restarting region 0 in/)
  t.equal(quiet.code, 1)
  t.match(quiet.stderr, /^millrace: the job failed: .*check.*five is right out/)
  t.match(quiet.stderr, /\n {4}at \S*failing\.ts:5:26\n$/)
  t.notMatch(quiet.stderr, /restarting|\n {4}at [\s\S]*\n {4}at /, 'one message, no stack')
})

t.test('what is wrong with a module is told before anything runs', async (t) => {
  const gone = await spawnCli(['run', 'gone.ts', '--verbose'], options)
  t.same([gone.code, gone.stdout], [2, ''])
  t.match(gone.stderr, /cannot find the job module gone\.ts: there is no such file[\s\S]*\n {4}at /)
})
