/** What is due, against a list sorted by time and order of coming, with enough entries for many leaves. */
import t from 'tap'
import { type Random, seededRandom } from '../../../lib/base/random.js'
import { DueQueue } from '../../../lib/time/due-queue.js'
import { testSeed } from '../../support/test-seed.js'

const COUNT = 30_000

/** The i-th time. */
const KINDS: Readonly<Record<string, (i: number, random: Random) => number>> = {
  'at random': (_, random) => 1.7e12 + Math.floor(random() * 1e9),
  'many of them equal': (_, random) => 1.7e12 + Math.floor(random() * 50),
  'all of them equal': () => 1.7e12,
  'most of them the earliest': (_, random) => Math.max(0, Math.floor(random() * 100) - 90),
  ascending: (i) => i,
  descending: (i) => -i,
  'most of them equal, then earlier ones': (i, random) =>
    i % 3_000 < 2_500 ? 1.7e12 + i - (i % 3_000) : 1.7e12 - Math.floor(random() * 5_000),
  'most of them equal, with others on both sides': (_, random) =>
    1.7e12 + Math.max(0, Math.floor(random() * 100) - 80) * (random() < 0.5 ? -1 : 1),
  'a gap ahead of what is taken': (i, random) => i + 10_000 + Math.floor(random() * 5),
}

interface Numbered {
  readonly dueMs: number
  readonly at: number
}

const byTurn = (a: Numbered, b: Numbered): number => a.dueMs - b.dueMs || a.at - b.at

const seed = testSeed()

for (const [name, timeOf] of Object.entries(KINDS)) {
  t.test(
    `whatever comes and goes is due in order of time, then of coming: times ${name}`,
    async (t) => {
      const random = seededRandom(seed)
      const queue = new DueQueue<Numbered>()
      let alive: Numbered[] = []
      let wrong = 0
      let at = 0
      function takeAllBy(timeMs: number): void {
        alive.sort(byTurn)
        const due = alive.filter(({ dueMs }) => dueMs <= timeMs)
        alive = alive.slice(due.length)
        for (const expected of due) {
          const taken = queue.takeDue(timeMs)
          if (taken !== expected) wrong++
          // Now and then one comes back later.
          if (taken !== null && random() < 0.2 && Number.isFinite(timeMs)) push(timeMs + 1_000)
        }
      }
      function push(dueMs: number): void {
        const entry = { dueMs, at: at++ }
        alive.push(entry)
        queue.push(entry)
      }
      for (let i = 0; i < COUNT; i++) {
        push(timeOf(i, random))
        if (i % 2_999 !== 2_998) continue
        const times = alive.map(({ dueMs }) => dueMs).sort((a, b) => a - b)
        takeAllBy(times[Math.floor(random() * times.length * 0.6)]!)
        // Sooner than all that is left.
        push(times[0]! - 1)
      }
      takeAllBy(Infinity)
      t.equal(wrong, 0)
      t.equal(queue.takeDue(Infinity), null)
    },
  )
}

t.test('nothing is due before its time', async (t) => {
  const queue = new DueQueue<Numbered>()
  const entry = { dueMs: 5, at: 0 }
  queue.push(entry)
  t.equal(queue.takeDue(4), null)
  t.equal(queue.takeDue(5), entry)
  t.equal(queue.takeDue(5), null)
})

t.test(
  'many of one time and then many before, behind or at it take about as long as other many',
  async (t) => {
    const many = 400_000
    for (const timeOf of [
      () => 1e6 - 1,
      (i: number) => 1e6 - 1 - i,
      (i: number) => i - 1e6,
      () => 1e6,
      () => 1e6 + 1,
      (i: number) => 2e6 - i,
    ]) {
      for (const isOpen of [false, true]) {
        const queue = new DueQueue<Numbered>()
        for (let at = 0; at < many; at++) queue.push({ dueMs: 1e6, at })
        if (isOpen) queue.takeDue(1e6)
        for (let i = 0; i < many; i++) queue.push({ dueMs: timeOf(i), at: many + i })
        let taken = isOpen ? 1 : 0
        let lastMs = -Infinity
        for (;;) {
          const entry = queue.takeDue(Infinity)
          if (entry === null) break
          if (entry.dueMs < lastMs) t.fail(`${entry.dueMs} came after ${lastMs}`)
          lastMs = entry.dueMs
          taken++
        }
        t.equal(taken, 2 * many)
      }
    }
  },
)
