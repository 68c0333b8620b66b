import t from 'tap'
import { writeDataFile } from '../../../benchmarks/nexmark/data-writer.js'
import { FLAGS, type Flag, parseFlags } from '../../../benchmarks/nexmark/flags.js'
import { datasetOf, settingsOf, wholeNumber } from '../../../benchmarks/nexmark/settings.js'

t.test(
  'a flag that a command does not take is refused with the list of those it takes',
  async (t) => {
    const allowed: Flag[] = ['query', 'events']
    t.same(
      { ...parseFlags('run', ['--query', 'q5', '--events=1M'], allowed) },
      { query: 'q5', events: '1M' },
    )
    for (const wrong of [['--quer', 'q5'], ['--query'], ['q5'], ['--slots', '2']]) {
      t.throws(() => parseFlags('run', wrong, allowed), {
        code: 'E_BAD_ARGUMENT',
        message: /run: .*it takes\n {2}--query .*\n {2}--events/s,
      })
    }
    t.ok(Object.values(FLAGS).every((text) => text.length > 0))
  },
)

t.test('numbers have their short forms, and their bounds', async (t) => {
  const of = (text: string): number => wholeNumber('events', text, 0, 1e9)
  t.same(['7', '1_000', '1e6', '100k', '1.5M'].map(of), [7, 1000, 1e6, 1e5, 1.5e6])
  for (const wrong of ['', '-1', '1.5', 'many', '1e10', '0x10']) {
    t.throws(() => of(wrong), { code: 'E_BAD_ARGUMENT', message: /--events must be .* from 0 to/ })
  }
})

t.test(
  'what is not given has its default; what is wrong is named with what is allowed',
  async (t) => {
    t.same(datasetOf({}), { events: 1e6, rate: 1e4, seed: 0, profile: 'M', outOfOrder: 1 })
    t.throws(() => settingsOf({ profile: 'X' }), { message: /--profile must be one of M, B/ })
    t.throws(() => settingsOf({ sink: 'x' }), { message: /blackhole, file, hash/ })
    t.throws(() => settingsOf({ sink: 'file' }), { message: /--out/ })
  },
)

t.test(
  'a data set in files says itself what it is, and refuses to be something else',
  async (t) => {
    const data = t.testdir()
    const dataset = { events: 500, rate: 100, seed: 4, profile: 'M', outOfOrder: 50 } as const
    for (const partition of [0, 1]) writeDataFile(data, dataset, partition, 2)
    t.match(settingsOf({ data, events: '500' }), { dataset, partitions: 2 })
    t.throws(() => settingsOf({ data, events: '501' }), { message: /--events 501 is not .* 500/ })
    t.throws(() => settingsOf({ data, 'out-of-order': '1' }), { message: /50/ })
    t.throws(() => settingsOf({ data, partitions: '4' }), { message: /--partitions 4 .* 2/ })
  },
)
