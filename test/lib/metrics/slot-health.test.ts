import t from 'tap'
import { createMemoryBudget } from '../../../lib/metrics/memory-budget.js'
import { createStallJudge, type StallReading } from '../../../lib/metrics/stall.js'
import { createVitalsMemory, vitalsIn } from '../../../lib/metrics/vitals.js'

const idle: StallReading = { progress: 1, inTurn: false, hasInput: false }
const waiting: StallReading = { progress: 1, inTurn: false, hasInput: true }
const working: StallReading = { progress: 1, inTurn: true, hasInput: true }

/** What is said of the last subtask, at 200 ms per sample, with `sample(i)` as i-th sample. */
function watch(
  samples: number,
  sample: (i: number) => { beats: number; readings: StallReading[]; atMs?: number },
) {
  const judge = createStallJudge({ reportMs: 1000, stallMs: 3000, gapMsMax: 1000 })
  return Array.from({ length: samples }, (_, i) => {
    const { beats, readings, atMs = i * 200 } = sample(i)
    return judge.judge(atMs, beats, readings)
  }).flat()
}

t.test('a turn without progress is reported once after a second, killed once at the limit', (t) => {
  const stalls = watch(40, () => ({ beats: 0, readings: [idle, working] }))
  t.same(stalls, [
    { kind: 'report', subtask: 1, stalledMs: 1000 },
    { kind: 'kill', subtask: 1, stalledMs: 3000 },
  ])
  t.end()
})

t.test('progress within a turn starts the measurement anew', (t) => {
  const readings = (i: number) => [{ ...working, progress: Math.floor(i / 4) }]
  t.same(
    watch(40, (i) => ({ beats: 0, readings: readings(i) })),
    [],
  )
  t.end()
})

t.test('waiting with input in a thread that turns is no stall, however long', (t) => {
  t.same(
    watch(100, (i) => ({ beats: i, readings: [waiting, idle] })),
    [],
  )
  t.end()
})

t.test('beats that fall between samples do not make a thread stuck', (t) => {
  t.same(
    watch(100, (i) => ({ beats: Math.floor(i / 3), readings: [waiting] })),
    [],
  )
  t.end()
})

t.test('input that waits in a thread stuck outside of turns is a stall', (t) => {
  const stalls = watch(9, () => ({ beats: 5, readings: [waiting, idle] }))
  t.match(stalls, [{ kind: 'report', subtask: 0, stalledMs: 1000 }])
  t.end()
})

t.test('who waits behind a neighbour that blocks the thread is not blamed', (t) => {
  const stalls = watch(30, () => ({ beats: 5, readings: [waiting, working] }))
  t.same(
    stalls.map(({ kind, subtask }) => [kind, subtask]),
    [
      ['report', 1],
      ['kill', 1],
    ],
  )
  t.end()
})

t.test('a watcher that was itself held up blames nobody for that time', (t) => {
  const stalls = watch(6, (i) => ({ beats: 0, readings: [working], atMs: i * 1500 }))
  t.same(stalls, [])
  t.end()
})

t.test('a stall that ended is reported again when it comes back', (t) => {
  const stalls = watch(20, (i) => ({ beats: i, readings: [i === 8 ? idle : working] }))
  t.same(
    stalls.map(({ kind }) => kind),
    ['report', 'report'],
  )
  t.end()
})

t.test('memory under 80 % of the budget is fine, over it is collected before it is judged', (t) => {
  const budget = createMemoryBudget(1000)
  t.equal(budget.judge(799, 0), 'fine')
  t.equal(budget.judge(800, 1), 'collect')
  t.equal(budget.judgeCollected(799, 2, 1), 'fine')
  t.equal(budget.judge(810, 12), 'collect')
  t.equal(budget.judgeCollected(800, 13, 1), 'over')
  t.end()
})

t.test(
  'collections keep a distance of ten times their length, unless the budget is used up',
  (t) => {
    const budget = createMemoryBudget(1000)
    t.equal(budget.judge(900, 0), 'collect')
    t.equal(budget.judgeCollected(700, 50, 50), 'fine')
    t.equal(budget.judge(999, 549), 'fine')
    t.equal(budget.judge(1000, 549), 'collect')
    t.equal(budget.judgeCollected(700, 600, 50), 'fine')
    t.equal(budget.judge(900, 1100), 'collect')
    t.end()
  },
)

t.test('after one failure the others have a second of grace, even above the budget', (t) => {
  const budget = createMemoryBudget(1000)
  budget.judge(1200, 0)
  t.equal(budget.judgeCollected(1200, 1, 1), 'over')
  t.equal(budget.judge(1300, 1000), 'fine')
  t.equal(budget.judge(1300, 1001), 'collect')
  t.end()
})

t.test('vitals show the same subtask from every view of the memory', (t) => {
  const memory = createVitalsMemory()
  const [writer, reader] = [vitalsIn(memory), vitalsIn(memory)]
  t.same([reader.running, reader.last, reader.beats], [null, null, 0])
  writer.beat()
  writer.enter(0, 3)
  t.same(
    [reader.running, reader.last, reader.beats],
    [{ chain: 0, index: 3 }, { chain: 0, index: 3 }, 1],
  )
  writer.leave()
  t.same([reader.running, reader.last], [null, { chain: 0, index: 3 }])
  t.end()
})
