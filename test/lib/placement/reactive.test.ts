import t from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import {
  createReactiveRecord,
  REACTIVE_COOLDOWN_MS,
  REACTIVE_SETTLE_MS,
  type ReactiveRecord,
  stepReactive,
} from '../../../lib/placement/reactive.js'
import { testSeed } from '../../support/test-seed.js'

const LOOK_MS = 500

/** Looks as often as a coordinator does; gives the times and numbers of the changes. */
function follow(
  roomAt: (ms: number) => number,
  untilMs: number,
  othersWait = false,
): readonly (readonly [ms: number, slots: number])[] {
  const changes: (readonly [number, number])[] = []
  let slots = roomAt(0)
  let record: ReactiveRecord = createReactiveRecord(0)
  for (let nowMs = 0; nowMs <= untilMs; nowMs += LOOK_MS) {
    const step = stepReactive(record, { nowMs, slots, room: roomAt(nowMs), othersWait })
    record = step.record
    if (step.rescaleTo === null) continue
    slots = step.rescaleTo
    changes.push([nowMs, slots])
  }
  return changes
}

t.test('grows when a node has joined, settled and cooled down', async (t) => {
  t.same(
    follow((ms) => (ms < 20_000 ? 2 : 4), 60_000),
    [[20_000 + REACTIVE_SETTLE_MS, 4]],
  )
  const early = follow((ms) => (ms < 1_000 ? 2 : 4), 60_000)
  t.same(early, [[REACTIVE_COOLDOWN_MS, 4]], 'not before it has run a while')
})

t.test('shrinks as soon as a loss has settled', async (t) => {
  t.same(
    follow((ms) => (ms < 1_000 ? 4 : 2), 60_000),
    [[1_000 + REACTIVE_SETTLE_MS, 2]],
  )
})

t.test('nodes that join one after the other make one change', async (t) => {
  const room = (ms: number) => 1 + Math.min(5, Math.max(0, Math.floor((ms - 20_000) / 1_000)))
  t.same(follow(room, 60_000), [[25_000 + REACTIVE_SETTLE_MS, 6]])
})

t.test('a node that is away for a second changes nothing', async (t) => {
  t.same(
    follow((ms) => (ms % 10_000 < 1_000 ? 1 : 2), 0),
    [],
  )
  t.same(
    follow((ms) => (ms >= 20_000 && ms < 21_000 ? 1 : 2), 60_000),
    [],
  )
})

t.test('a job that could have no slot at all waits with what it has', async (t) => {
  t.same(
    follow((ms) => (ms < 5_000 ? 3 : 0), 60_000),
    [],
  )
})

t.test(
  'does not take what other jobs wait for, and gives up what it has lost all the same',
  async (t) => {
    t.same(
      follow((ms) => (ms < 20_000 ? 2 : 4), 60_000, true),
      [],
    )
    t.equal(follow((ms) => (ms < 20_000 ? 4 : 2), 60_000, true).length, 1)
  },
)

t.test(
  'however nodes come and go, it grows at most once in a cooldown, and settles on what there is',
  async (t) => {
    const random = seededRandom(testSeed(1))
    for (let run = 0; run < 200; run++) {
      const rooms = Array.from({ length: 60 }, () => 1 + Math.floor(random() * 5))
      const roomAt = (ms: number) => rooms[Math.min(rooms.length - 1, Math.floor(ms / 1_500))]!
      const changes = follow(roomAt, 150_000)
      let slots = roomAt(0)
      let changedMs = 0
      for (const [ms, next] of changes) {
        if (next > slots && ms - changedMs < REACTIVE_COOLDOWN_MS) t.fail(`grew at ${ms}`)
        slots = next
        changedMs = ms
      }
      if (slots !== rooms.at(-1)) t.fail(`ended with ${slots} of ${rooms.at(-1)}`)
    }
    t.pass()
  },
)
