/** The order and the table of times, against a sorted list, with enough times for many leaves. */
import t from 'tap'
import { type Random, seededRandom } from '../../../lib/base/random.js'
import { TimeQueue } from '../../../lib/time/time-queue.js'
import { TimeTable } from '../../../lib/time/time-table.js'
import { testSeed } from '../../support/test-seed.js'

const COUNT = 30_000

/** The i-th time. */
const KINDS: Readonly<Record<string, (i: number, random: Random) => number>> = {
  'at random': (_, random) => 1.7e12 + Math.floor(random() * 1e9),
  ascending: (i) => i,
  descending: (i) => -i,
  'in two heaps far apart': (i, random) => (i % 2) * 1e15 + Math.floor(random() * 1e6),
  'between whole numbers': (_, random) => random() - 0.5,
  'multiples of a day': (i) => (i - COUNT / 2) * 86_400_000,
}

const seed = testSeed()

for (const [name, timeOf] of Object.entries(KINDS)) {
  t.test(`whatever comes and goes, the first is the smallest: times ${name}`, async (t) => {
    const random = seededRandom(seed)
    const queue = new TimeQueue()
    const alive = new Map<number, number>()
    let wrong = 0
    const pop = (first: number) => {
      if (queue.first !== first || queue.firstPlace !== alive.get(first)) wrong++
      queue.pop()
      alive.delete(first)
    }
    for (let i = 0; i < COUNT; i++) {
      const time = timeOf(i, random)
      if (alive.has(time)) continue
      alive.set(time, i)
      queue.push(time, i)
      // Now and then a few are taken, so that some come before what was first.
      if (i % 5_000 === 4_999) {
        for (const first of [...alive.keys()].sort((a, b) => a - b).slice(0, 2_500)) pop(first)
      }
    }
    t.equal(queue.size, alive.size)
    for (const first of [...alive.keys()].sort((a, b) => a - b)) pop(first)
    t.equal(wrong, 0)
    t.equal(queue.size, 0)
  })

  t.test(`a table finds each time that is there, and no other: times ${name}`, async (t) => {
    const random = seededRandom(seed)
    const table = new TimeTable()
    const expected = new Map<number, number>()
    const seen = new Set<number>()
    for (let i = 0; i < COUNT; i++) {
      const time = timeOf(i, random)
      if (expected.has(time)) continue
      seen.add(time)
      table.add(time, i)
      expected.set(time, i)
      if (i % 3 === 2) {
        const gone = random() < 0.5 ? time : expected.keys().next().value!
        table.delete(gone)
        expected.delete(gone)
      }
    }
    const wrong = [...seen].filter((time) => table.get(time) !== (expected.get(time) ?? -1))
    t.same(wrong, [])
    t.equal(table.size, expected.size)
    // It becomes small again, and grows again.
    const times = [...expected.keys()]
    for (const time of times.slice(10)) table.delete(time)
    t.same(
      times.filter((time) => table.get(time) !== -1),
      times.slice(0, 10),
    )
    for (const time of times.slice(10)) table.add(time, 1)
    t.equal(times.filter((time) => table.get(time) === -1).length, 0)
  })
}
