/** The command line: what it understands, what it says, and how it ends. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { cli } from '../../actors/cli/cli.js'
import { chooseColors } from '../../actors/cli/colors.js'
import { parseCommandLine } from '../../actors/cli/command-line.js'
import { createDrainWatch } from '../../actors/cli/drain-watch.js'
import { LiveLines } from '../../actors/cli/live-lines.js'
import { errorText, eventText, failureText } from '../../actors/cli/messages.js'
import { liveLines, plainLine } from '../../actors/cli/progress.js'
import { showCount, showDuration, showRate } from '../../actors/cli/quantity.js'
import { submitOptions } from '../../actors/cli/submit.js'
import { summaryText } from '../../actors/cli/summary.js'
import { errorToData, MillraceError } from '../../lib/base/errors.js'
import { createFailure } from '../../lib/supervision/failure.js'
import {
  chainMetrics,
  counters,
  FakeOutput,
  FakeWorld,
  planOf,
  SUMMARY,
  spawnCli,
} from '../support/cli.js'

process.env.MILLRACE_CACHE_DIR = t.testdir()

const plain = chooseColors(false, {})
const parse = (line: string) => parseCommandLine(line.split(' ').filter(Boolean), '1.2.3')

const COMMANDS =
  'run, explain, dev, coordinator, node, submit, list, cancel, stop, savepoint, rescale, events, ' +
  'nodes, placement, cordon, uncordon, evacuate, snapshots or state'

t.test('processes are told how many connections one host may open', async (t) => {
  for (const command of ['coordinator', 'node --join ws://127.0.0.1:1']) {
    t.match(parse(command), { connectionsPerHost: null })
    t.match(parse(`${command} --connections-per-host 64`), { connectionsPerHost: 64 })
    for (const wrong of ['0', '1.5', '8193', 'many']) {
      t.match(parse(`${command} --connections-per-host ${wrong}`), { kind: 'WrongUsage' })
    }
  }
})

t.test('a job that is submitted goes on from a savepoint on the same terms as a run', async (t) => {
  const none = {
    restore: null,
    allowDroppedState: false,
    acceptDuplicates: false,
    transactions: null,
    claim: false,
  }
  t.match(parse('submit job.ts'), { kind: 'Submit', ...none })
  const all = '--allow-dropped-state --accept-duplicates --transactions commit --claim'
  t.match(parse(`submit job.ts --restore saved ${all}`), {
    restore: 'saved',
    allowDroppedState: true,
    acceptDuplicates: true,
    transactions: 'commit',
    claim: true,
  })
  const refused = {
    '--restore saved --transactions lose': /commit, discard/,
    '--transactions discard': /--transactions is said of a savepoint: give it with --restore <dir>/,
    '--claim': /--claim is said of a savepoint: give it with --restore <dir>/,
    '--restore saved --no-checkpoints': /--no-checkpoints takes none: give one/,
  }
  for (const [flags, message] of Object.entries(refused)) {
    t.match(parse(`submit job.ts ${flags}`), { kind: 'WrongUsage', message }, flags)
  }
})

t.test('a job that is submitted is placed, and its barriers go, as with the API', async (t) => {
  const options = (flags: string) =>
    submitOptions(parse(`submit job.ts ${flags}`) as Parameters<typeof submitOptions>[0])
  const placement = { strategy: 'spread', labels: {}, apartFrom: [] }
  t.match(options(''), { placement, checkpoint: {}, args: { _: [] } })
  t.notOk('parallelism' in options('') || 'reactive' in options(''))
  const placed = options('--reactive 8 --apart-from a --apart-from b --besides c --wait 1h --pack')
  t.match(placed, {
    placement: { strategy: 'pack', apartFrom: ['a', 'b'], besides: 'c', wait: '1h' },
    reactive: { maxParallelism: 8 },
  })
  t.same(options('--unaligned --checkpoint-interval 1s').checkpoint, {
    interval: '1s',
    mode: 'unaligned',
  })
  t.same(options('--alignment-timeout 2s').checkpoint, { alignmentTimeout: '2s' })
  t.equal(options('--no-checkpoints').checkpoint, false)
  const refused = {
    '--reactive 2 --parallelism 2': /--reactive .*: give one/,
    '--reactive 0': /Expected a whole number from 1 to 1024/,
    '--no-checkpoints --unaligned': /--unaligned is said of checkpoints/,
    '--no-checkpoints --checkpoint-interval 1s': /--checkpoint-interval is said of checkpoints/,
    '--unaligned --alignment-timeout 2s': /give one/,
  }
  for (const [flags, message] of Object.entries(refused)) {
    t.match(parse(`submit job.ts ${flags}`), { kind: 'WrongUsage', message }, flags)
  }
})

t.test('a run is understood with all it can be given', async (t) => {
  t.same(parse('run job.ts'), {
    kind: 'Run',
    module: 'job.ts',
    args: { _: [] },
    slots: 1,
    parallelism: null,
    verbose: false,
    summaryFile: null,
    quiet: false,
    checkpoint: null,
    state: { backend: 'heap' },
  })
  t.same(
    parse(
      'run --slots 2 job.ts a.csv --parallelism 4 --arg city=Oslo b.csv --arg sum=1=1 --arg none= --summary s.json --quiet --verbose -- -x --slots',
    ),
    {
      kind: 'Run',
      module: 'job.ts',
      args: { city: 'Oslo', sum: '1=1', none: '', _: ['a.csv', 'b.csv', '-x', '--slots'] },
      slots: 2,
      parallelism: 4,
      verbose: true,
      summaryFile: 's.json',
      quiet: true,
      checkpoint: null,
      state: { backend: 'heap' },
    },
  )
  const snapshots = parse(
    'run job.ts --checkpoint-dir state --checkpoint-interval 1s --restore 7 --allow-dropped-state --accept-duplicates --transactions discard --claim',
  )
  t.match(snapshots, {
    checkpoint: {
      directory: 'state',
      interval: '1s',
      restore: '7',
      allowDroppedState: true,
      acceptDuplicates: true,
      transactions: 'discard',
      claim: true,
    },
  })
  t.match(parse('run job.ts --checkpoint-dir state --transactions lose'), {
    kind: 'WrongUsage',
    message: /commit, discard/,
  })
  t.match(parse('run job.ts --checkpoint-dir state --claim'), {
    kind: 'WrongUsage',
    message: /--claim is said of a savepoint: give it with --restore/,
  })
  t.match(parse('run job.ts --checkpoint-dir state --unaligned'), {
    checkpoint: { unaligned: true, alignmentTimeout: null },
  })
  t.match(parse('run job.ts --checkpoint-dir state --alignment-timeout 2s'), {
    checkpoint: { unaligned: false, alignmentTimeout: '2s' },
  })
  t.match(parse('run job.ts --checkpoint-dir state --unaligned --alignment-timeout 2s'), {
    kind: 'WrongUsage',
    message: /give one/,
  })
  t.match(parse('run job.ts --unaligned'), {
    kind: 'WrongUsage',
    message: /--unaligned needs --checkpoint-dir/,
  })
  t.match(parse('run job.ts --state-backend level --state-dir /fast --state-cache 512'), {
    state: { backend: 'level', directory: '/fast', cacheMb: 512 },
  })
  for (const alone of ['--state-dir /fast', '--state-cache 512']) {
    t.match(parse(`run job.ts ${alone}`), {
      kind: 'WrongUsage',
      message: `${alone.split(' ')[0]} needs --state-backend level`,
    })
  }
  t.match(parse('run job.ts --state-backend rocksdb'), {
    kind: 'WrongUsage',
    message: /rocksdb.*Allowed choices are heap, level/,
  })
  t.match(parse('run job.ts --restore latest'), {
    kind: 'WrongUsage',
    message: /--restore needs --checkpoint-dir/,
  })
  const odd = parse('run job.ts --arg __proto__=x')
  t.ok('args' in odd && Object.hasOwn(odd.args, '__proto__'), 'an argument of any name is data')
})

t.test('explain is understood', async (t) => {
  t.match(parse('explain job.ts --json --parallelism 3 x'), {
    kind: 'Explain',
    json: true,
    parallelism: 3,
    args: { _: ['x'] },
  })
})

t.test('wrong usage is one message that says what to do', async (t) => {
  const cases: Readonly<Record<string, string>> = {
    '': `a command is missing: ${COMMANDS}\nSee millrace --help`,
    rn: "unknown command 'rn' (did you mean run?)\nSee millrace --help",
    run: 'the module is missing\nSee millrace run --help',
    'rescale job': 'the number of slots is missing\nSee millrace rescale --help',
    'run job.ts --slot 2':
      "unknown option '--slot' (did you mean --slots?)\nSee millrace run --help",
    'run job.ts --frobnicate':
      "unknown option '--frobnicate'; arguments for the module go behind --\nSee millrace run --help",
    '--frobnicate': "unknown option '--frobnicate'\nSee millrace --help",
    'run job.ts --slots two':
      "option '--slots <n>' argument 'two' is invalid. Expected a whole number from 1 to 256.\nSee millrace run --help",
    'run job.ts --slots 0':
      "option '--slots <n>' argument '0' is invalid. Expected a whole number from 1 to 256.\nSee millrace run --help",
    'run job.ts --parallelism 1.5':
      "option '--parallelism <n>' argument '1.5' is invalid. Expected a whole number from 1 to 32768.\nSee millrace run --help",
    'run job.ts --slots': "option '--slots <n>' argument missing\nSee millrace run --help",
    'run job.ts --arg city':
      "option '--arg <name=value>' argument 'city' is invalid. Expected name=value.\nSee millrace run --help",
    'run job.ts --arg a=1 --arg a=2':
      "option '--arg <name=value>' argument 'a=2' is invalid. a is given twice.\nSee millrace run --help",
    'run job.ts --arg _=1':
      "option '--arg <name=value>' argument '_=1' is invalid. _ holds the arguments without a name.\nSee millrace run --help",
    'explain job.ts --quiet':
      "unknown option '--quiet'; arguments for the module go behind --\nSee millrace explain --help",
  }
  for (const [line, message] of Object.entries(cases)) {
    t.same(parse(line), { kind: 'WrongUsage', message }, line)
  }
})

t.test('a number of slots that is none is named as the argument it is', async (t) => {
  t.match(parse('rescale job x'), {
    kind: 'WrongUsage',
    message: /^<slots> is 'x'\. Expected a whole number from 1 to 1024\./,
  })
})

t.test('help and version are shown, and are no error', async (t) => {
  t.same(parse('--version'), { kind: 'Show', text: '1.2.3\n' })
  t.match(parse('--help'), { kind: 'Show', text: /run \[options\] <module>/ })
  t.match(parse('run --help'), {
    kind: 'Show',
    text: /--slots <n>[\s\S]*args\._[\s\S]*130 interrupted/,
  })
})

t.test('numbers are shown with three digits, and never more than there is', async (t) => {
  t.same([0, 7.9, 999, 1000, 1239, 45_678, 999_999, 1e6, 2.5e9].map(showCount), [
    '0',
    '7',
    '999',
    '1.00 k',
    '1.23 k',
    '45.6 k',
    '999 k',
    '1.00 M',
    '2.50 G',
  ])
  t.same([0, 0.25, 9.96, 12, 34_567].map(showRate), ['0/s', '0.3/s', '10.0/s', '12/s', '34.5 k/s'])
  t.same([0, 950, 12_345, 59_999, 125_000, 3_725_000].map(showDuration), [
    '0 ms',
    '950 ms',
    '12.3 s',
    '59.9 s',
    '2 min 05 s',
    '1 h 02 min',
  ])
})

const plan = planOf('lines → mergeMap', 'count', 'print')
const metrics = {
  atMs: 0,
  state: 'Running',
  chains: [
    chainMetrics('lines → mergeMap', {
      totals: counters({ recordsIn: 1_234_567, recordsOut: 9_000_000 }),
      recordsInPerSecond: 250_000,
      busy: 0.95,
      idle: 0,
      backPressured: 0.05,
    }),
    chainMetrics('count', { busy: 0.5, idle: 0.5 }),
    chainMetrics('print', { totals: counters({ recordsOut: 20 }), recordsOutPerSecond: 4 }),
  ],
} as const

t.test(
  'progress tells what enters and leaves the job, and how each chain spends its time',
  async (t) => {
    const progress = { plan, metrics, elapsedMs: 12_345 }
    t.equal(
      plainLine(progress),
      '12.3 s: in 250 k/s (1.23 M), out 4.0/s (20); ' +
        'lines → mergeMap ×2: busy  95 %, idle   0 %, back-pressured   5 %; ' +
        'count ×2: busy  50 %, idle  50 %, back-pressured   0 %; ' +
        'print ×2: busy   0 %, idle 100 %, back-pressured   0 %',
    )
    t.same(liveLines(progress, plain, 79, 8), [
      'sales  12.3 s  in 250 k/s (1.23 M), out 4.0/s (20)',
      '  lines → mergeMap ×2  busy  95 %  idle   0 %  back-pressured   5 %',
      '  count ×2             busy  50 %  idle  50 %  back-pressured   0 %',
      '  print ×2             busy   0 %  idle 100 %  back-pressured   0 %',
    ])
    const small = liveLines(
      { ...progress, metrics: { ...metrics, state: 'Draining' } },
      plain,
      40,
      3,
    )
    t.same(small, [
      'sales  12.3 s  draining, in 250 k/s (1.…',
      '  lines → mergeMap ×2  busy  95 %  idle…',
      '  count ×2             busy  50 %  idle…',
    ])
  },
)

t.test('colours need a terminal that wants them', async (t) => {
  t.equal(chooseColors(false, {}).red('x'), 'x')
  t.equal(chooseColors(true, { NO_COLOR: '1' }).red('x'), 'x')
  t.equal(chooseColors(true, { TERM: 'dumb' }).red('x'), 'x')
  t.equal(chooseColors(true, {}).red('x'), '\x1b[31mx\x1b[39m')
})

t.test(
  'live lines stand below the rows that scroll, and leave the terminal as it was',
  async (t) => {
    const terminal = new FakeOutput()
    const live = new LiveLines(terminal, 2)
    live.paint(['a', 'b'])
    const painted = '␛7␛[23;1H␛[2Ka␛[24;1H␛[2Kb␛8'
    t.equal(terminal.take(), `\n\n␛[2A␛7␛[1;22r␛8${painted}`)
    live.paint(['a', 'b'])
    t.equal(terminal.take(), painted, 'repainted in place')
    terminal.rows = 30
    live.paint(['c'])
    t.match(terminal.take(), /^␛7␛\[r␛8␛\[J\n\n␛\[2A␛7␛\[1;28r/, 'resized')
    live.stop()
    t.equal(terminal.take(), '␛7␛[r␛8␛[J')
    live.stop()
    t.equal(terminal.take(), '')
  },
)

t.test('events are told by their weight', async (t) => {
  const restarting = {
    kind: 'RegionRestarting',
    atMs: 0,
    region: 1,
    attempt: 2,
    delayMs: 200,
    guarantee: 'at-least-once',
  } as const
  t.equal(
    eventText(restarting, 'usual'),
    'restarting region 1 in 200 ms, attempt 2 (at-least-once)',
  )
  t.equal(eventText(restarting, 'quiet'), null)
  const stalled = {
    kind: 'SubtaskStalled',
    atMs: 0,
    operator: 'map',
    subtask: 0,
    stalledMs: 1200,
    stack: 'Error\n    at slow (job.ts:3:4)\n    at b\n    at c\n    at d',
  } as const
  t.equal(
    eventText(stalled, 'usual'),
    'map[0] has made no progress for 1.2 s\n    at slow (job.ts:3:4)\n    at b\n    at c',
  )
  const log = (level: 'info' | 'warn') => ({ kind: 'Log', atMs: 0, level, message: 'hm' }) as const
  t.same(
    [
      eventText(log('info'), 'usual'),
      eventText(log('warn'), 'usual'),
      eventText(log('info'), 'verbose'),
    ],
    [null, 'hm', 'hm'],
  )
  const changed = { kind: 'StateChanged', atMs: 0, from: 'Created', to: 'Running' } as const
  t.same([eventText(changed, 'usual'), eventText(changed, 'verbose')], [null, 'Created → Running'])
})

t.test('what a job goes on from is told, and which state it drops', async (t) => {
  const restored = {
    kind: 'Restored',
    atMs: 0,
    round: 7,
    savepoint: false,
    directory: 'state',
    kept: ['lines', 'print'],
    added: [],
    dropped: ['counts'],
  } as const
  const report = 'kept lines, print; new none; dropped counts'
  t.equal(eventText(restored, 'usual'), `going on from checkpoint 7 in state: ${report}`)
  t.match(eventText({ ...restored, savepoint: true }, 'usual'), /^going on from savepoint 7 in /)
  t.equal(eventText(restored, 'quiet'), null)
})

const failureOf = (thrown: unknown, decision: 'restart' | 'stop') => ({
  ...createFailure({ id: 3, wallTimeMs: 0, path: 'p', during: 'work', thrown, attempt: 1 }),
  decision,
})

t.test('a failure is told when the job goes on, with the line of user code', async (t) => {
  const cause = new TypeError('x is not a function')
  cause.stack = 'TypeError: x is not a function\n    at f (/home/me/job.ts:7:3)'
  const error = new MillraceError('E_USER_CODE', "operator 'words' failed", {
    cause,
    details: { operator: 'words', subtask: 1 },
  })
  t.equal(
    failureText(failureOf(error, 'restart'), 'usual'),
    "failure 3: operator 'words' failed: TypeError: x is not a function\n    at /home/me/job.ts:7:3",
  )
  const lost = new MillraceError('E_SLOT', 'lost', { details: { operator: 'words', subtask: 1 } })
  t.equal(failureText(failureOf(lost, 'restart'), 'usual'), 'failure 3: words[1]: lost')
  t.equal(failureText(failureOf(error, 'stop'), 'usual'), null, 'the end is told at the end')
  t.equal(failureText(failureOf(error, 'restart'), 'quiet'), null)
  t.match(
    errorText(errorToData(error), true),
    /MillraceError: operator[\s\S]*caused by: TypeError: x/,
  )
})

t.test('the summary says how it ended, what flowed, and what was lost', async (t) => {
  t.equal(
    summaryText(SUMMARY, plain),
    'sales finished in 2.0 s: 10,000 records in (5.00 k/s), 20 out',
  )
  t.equal(
    summaryText({ ...SUMMARY, partial: true, skipped: 2, deadLetters: 1, restarts: 1 }, plain),
    'sales finished (partial) in 2.0 s: 10,000 records in (5.00 k/s), 20 out\n' +
      '  2 skipped, 1 dead letter, 1 restart, results are at-least-once',
  )
  t.match(
    summaryText({ ...SUMMARY, lives: 3, livesCounted: 2 }, plain),
    /\n {2}counted in 2 of 3 lives: its coordinator died in the others$/,
  )
  const late = { operator: 'window', recordsIn: 9, recordsOut: 1, counters: { droppedLate: 3 } }
  const chains = [
    chainMetrics('window', { operators: [{ ...late, gauges: {}, hotKeys: [], subtasks: [] }] }),
  ]
  t.match(summaryText({ ...SUMMARY, chains }, plain), /\n {2}3 dropped late$/)
})

/** Starts `millrace run` against a job in the test's hand, planned already. */
async function start(line: string, isPlanned = true) {
  const world = new FakeWorld()
  const code = cli(line.split(' '), world)
  while (world.started.length === 0) await nextTurn()
  if (isPlanned) world.job.planned(plan)
  await nextTurn()
  return { world, job: world.job, code, said: () => world.stderr.take() }
}

t.test('a finished job ends with 0 and a summary', async (t) => {
  const { world, job, code, said } = await start('run some/job.ts a --slots 2 --arg b=c')
  t.match(world.started[0]!.module.href, /^file:\/\/.*\/some\/job\.ts$/)
  t.same(world.started[0]!.options, { slots: 2, args: { b: 'c', _: ['a'] } })
  job.finish(SUMMARY)
  t.equal(await code, 0)
  t.equal(said(), 'sales finished in 2.0 s: 10,000 records in (5.00 k/s), 20 out\n')
  t.equal(world.stdout.text, '', 'standard output is the job’s')
})

t.test('a failed job ends with 1 and one message, with stacks only when asked', async (t) => {
  const plainRun = await start('run job.ts')
  const error = new MillraceError('E_X', 'the disk is full')
  plainRun.job.fail(error)
  t.equal(await plainRun.code, 1)
  t.equal(plainRun.said(), 'millrace: the job failed: the disk is full\n')
  const verbose = await start('run job.ts --verbose')
  verbose.job.fail(error)
  t.equal(await verbose.code, 1)
  t.match(verbose.said(), /the job failed: MillraceError: the disk is full\n {4}at /)
})

t.test('a job that cannot be planned ends with 2', async (t) => {
  const { job, code, said } = await start('run job.ts', false)
  const error = new MillraceError('E_NO_SINK', 'there is no sink')
  job.unplanned(error)
  job.fail(error)
  t.equal(await code, 2)
  t.equal(said(), 'millrace: there is no sink\n')
  const stopped = await start('run job.ts', false)
  stopped.world.interrupt()
  stopped.job.unplanned(error)
  t.equal(await stopped.code, 130)
  const warned = await start('run job.ts', false)
  warned.job.planned({ ...plan, warnings: ['take runs alone'] })
  warned.job.finish(SUMMARY)
  await warned.code
  t.match(warned.said(), /^millrace: warning: take runs alone\n/)
})

t.test('the first Ctrl-C drains, the second ends at once', async (t) => {
  const { world, job, code, said } = await start('run job.ts')
  world.interrupt()
  t.same(job.calls, ['drain'])
  t.match(said(), /^millrace: draining: .* Ctrl-C again ends at once\.\n$/)
  world.interrupt()
  t.same(world.exits, [130])
  t.same(job.calls, ['drain'])
  job.finish({ ...SUMMARY, partial: true })
  t.equal(await code, 130, 'drained is interrupted, too')
})

t.test('Ctrl-C stops behind a checkpoint, but for a job that has not begun', async (t) => {
  const running = await start('run job.ts --checkpoint-dir state')
  running.world.interrupt()
  t.same(running.job.calls, ['stop'])
  t.match(running.said(), /^millrace: stopping behind a checkpoint\./)
  const created = await start('run job.ts --checkpoint-dir state')
  created.job.state = 'Created'
  created.world.interrupt()
  t.same(created.job.calls, ['cancel'])
  t.match(created.said(), /^millrace: ending: the job had not begun yet, nothing was read\./)
})

t.test('a closed pipe ends the job quietly', async (t) => {
  const main = await start('run job.ts')
  main.world.closeOutput()
  t.same(main.job.calls, ['cancel'])
  main.job.finish({ ...SUMMARY, state: 'Cancelled' })
  t.equal(await main.code, 0)
  t.equal(main.said(), '')

  const sink = await start('run job.ts')
  const cause = new MillraceError('E_PIPE_CLOSED', 'closed')
  const error = new MillraceError('E_SINK', 'print failed', { cause })
  sink.job.failures$.next(failureOf(error, 'restart'))
  t.same(sink.job.calls, ['cancel'])
  sink.job.fail(error)
  t.equal(await sink.code, 0)
  t.equal(sink.said(), '')
})

t.test('progress is a line every five seconds, and none when quiet', async (t) => {
  const { world, job, code, said } = await start('run job.ts')
  const at = (nowMs: number) => {
    world.nowMs = nowMs
    job.metrics$.next(metrics)
    return said()
  }
  t.equal(at(1000), '')
  t.match(at(5000), /^millrace: 5\.0 s: in 250 k\/s .*\n$/)
  t.equal(at(9000), '')
  t.match(at(10_000), /^millrace: 10\.0 s: in/)
  job.finish(SUMMARY)
  await code
  const quiet = await start('run job.ts --quiet')
  quiet.world.nowMs = 60_000
  quiet.job.metrics$.next(metrics)
  quiet.job.finish(SUMMARY)
  t.equal(await quiet.code, 0)
  t.equal(quiet.said(), '')
})

t.test('on a terminal progress is live, and gone at the end', async (t) => {
  const { world, job, code, said } = await start('run job.ts')
  world.stderr.isTTY = true
  job.metrics$.next(metrics)
  t.match(said(), /␛\[1;20r[\s\S]*␛\[21;1H/)
  world.interrupt()
  t.match(said(), /^millrace: draining/)
  world.interrupt()
  t.match(said(), /^␛7␛\[r␛8␛\[J$/, 'and when the process is ended')
  job.finish(SUMMARY)
  await code
  t.match(said(), /^sales /)
})

t.test('--summary writes JSON, of a failed job too', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'summary.json')
  const read = async () => JSON.parse(await readFile(file, 'utf8'))
  const good = await start(`run job.ts --summary ${file}`)
  good.job.finish(SUMMARY)
  t.equal(await good.code, 0)
  t.same(await read(), SUMMARY)
  const bad = await start(`run job.ts --summary ${file}`)
  bad.job.metrics$.next(metrics)
  bad.job.state = 'Failed'
  bad.job.fail(new MillraceError('E_X', 'no'))
  t.equal(await bad.code, 1)
  t.match(await read(), {
    state: 'Failed',
    error: { code: 'E_X', message: 'no' },
    chains: [{}, {}, {}],
  })
})

t.test('a summary file that cannot be written is told before the job starts', async (t) => {
  const folder = t.testdir()
  for (const file of [folder, join(folder, 'gone/summary.json')]) {
    const world = new FakeWorld()
    t.equal(await cli(['run', 'job.ts', '--summary', file], world), 2)
    t.match(world.stderr.text, /^millrace: the summary file .* cannot be written: .*\n$/)
    t.same(world.started, [])
  }
})

const HEAD = "import { pipeline, map } from 'millrace'\nimport { source, sink } from './parts.js'\n"
const PARTS = `
export const source = { kind: 'numbers', label: 'numbers', bounded: true, replays: true, pauses: true,
  parallelism: 1, concurrentSplits: false, settings: {}, functions: [], splits: async () => [], open() {} }
export const sink = { kind: 'nowhere', label: 'nowhere', guarantee: 'idempotent', parallelism: null,
  settings: {}, functions: [], open() {} }
`

t.test('the real thing: explain, and what is wrong with a module', async (t) => {
  const folder = t.testdir({
    'parts.js': PARTS,
    'job.ts': `${HEAD}export default (args) => pipeline('shop-' + args._, (flow) => flow.from(source).pipe(map((n: number) => n)).to(sink))`,
    'none.ts': 'export const a = 1',
    'broken.ts': 'const a = = 1',
    'throws.ts': "throw new Error('no luck')",
    'loud.ts': `console.log('hello'); ${HEAD}export default pipeline('loud', (flow) => flow.from(source).to(sink))`,
  })
  const run = async (...args: string[]) => spawnCli(args, { cwd: folder })
  const [text, json, none, broken, throws, gone, loud, verbose] = await Promise.all([
    run('explain', 'job.ts', 'x'),
    run('explain', 'job.ts', 'x', '--json', '--parallelism', '3'),
    run('explain', 'none.ts'),
    run('explain', 'broken.ts'),
    run('explain', 'throws.ts'),
    run('explain', 'gone.ts'),
    run('explain', 'loud.ts', '--json'),
    run('explain', 'none.ts', '--verbose'),
  ])
  t.match(text, { code: 0, stderr: '', stdout: /^shop-x: \d chain/ })
  t.match(text!.stdout, /job\.ts:3/)
  t.match(JSON.parse(json!.stdout), { pipeline: 'shop-x', maxParallelism: 128 })
  const wrong = [none, broken, throws, gone].map((ended) => [
    ended!.code,
    ended!.stdout,
    ended!.stderr,
  ])
  t.same(wrong, [
    [
      2,
      '',
      'millrace: none.ts has no default export; it exports only a: expected `export default pipeline(…)` or `export default (args) => pipeline(…)`\n',
    ],
    [2, '', 'millrace: broken.ts:1:11: Unexpected "="\n\n1 │ const a = = 1\n              ^\n'],
    [
      2,
      '',
      'millrace: throws.ts failed while it was evaluated: Error: no luck\n    at throws.ts:1:7\n',
    ],
    [2, '', 'millrace: cannot find the job module gone.ts: there is no such file\n'],
  ])
  t.equal(JSON.parse(loud!.stdout).pipeline, 'loud')
  t.equal(loud!.stderr, 'hello\n', 'what a module says is no output')
  t.match(verbose!.stderr, /none\.ts has no default export[\s\S]*\n {4}at /)
})

t.test('the real thing: wrong usage and version', async (t) => {
  const [usage, version] = await Promise.all([spawnCli(['run']), spawnCli(['--version'])])
  t.same(usage, {
    code: 2,
    stdout: '',
    stderr: 'millrace: the module is missing\nSee millrace run --help\n',
  })
  t.equal(version.stderr, '')
  t.match(version, { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
  t.ok(existsSync(new URL('../../../package.json', import.meta.url)))
})

t.test('a drain that stands still is given up, and says in which chain', async (t) => {
  const watch = createDrainWatch(30_000)
  const at = (atMs: number, printed: number) =>
    watch.stuckIn({
      atMs,
      state: 'Draining',
      chains: [
        chainMetrics('lines', { totals: counters({ recordsIn: 100, recordsOut: 100 }) }),
        chainMetrics('print', { totals: counters({ recordsIn: 90, recordsOut: printed }) }),
      ],
    })
  t.equal(at(0, 1), null)
  t.equal(at(29_000, 2), null)
  t.equal(at(58_000, 2), null, 'a record has moved since')
  t.equal(at(59_000, 2), 'print')
})
