/** The sketch against exact counts, with skewed and even keys; a failing seed is printed. */
import t from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import { createHotKeySketch, HOT_SHARE_MIN } from '../../../lib/metrics/hot-keys.js'
import { mergeHotKeys } from '../../../lib/metrics/merge-hot-keys.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed()

interface Stream {
  readonly batches: readonly (readonly number[])[]
  readonly counts: ReadonlyMap<number, number>
  readonly length: number
}

/** `length` keys of `keys`, Zipf with `skew` (0: even), in batches of random size. */
function streamOf(length: number, keys: number, skew: number, random: () => number): Stream {
  const cumulated: number[] = []
  let sum = 0
  for (let i = 0; i < keys; i++) {
    sum += 1 / (i + 1) ** skew
    cumulated.push(sum)
  }
  const counts = new Map<number, number>()
  const batches: number[][] = []
  for (let left = length; left > 0; ) {
    const size = Math.min(left, 1 + Math.floor(random() * 1024))
    left -= size
    batches.push(
      Array.from({ length: size }, () => {
        const at = random() * sum
        let low = 0
        for (let high = keys - 1; low < high; ) {
          const middle = (low + high) >> 1
          if (cumulated[middle]! < at) low = middle + 1
          else high = middle
        }
        counts.set(low, (counts.get(low) ?? 0) + 1)
        return low
      }),
    )
  }
  return { batches, counts, length }
}

t.test('few records and few keys are counted exactly', async (t) => {
  const random = seededRandom(SEED)
  const { batches, counts, length } = streamOf(2000, 8, 1, random)
  const sketch = createHotKeySketch(random)
  for (const keys of batches) sketch.observe(keys)
  t.equal(sketch.read().weight, length)
  t.strictSame(
    new Map(sketch.read().keys.map(({ key, weight }) => [key, weight])),
    new Map([...counts].sort(([, a], [, b]) => b - a)),
  )
})

t.test(
  'with more keys than it holds, no key is given more than it had, and none is missed',
  async (t) => {
    for (let round = 0; round < 20; round++) {
      const random = seededRandom(SEED + round)
      const { batches, counts, length } = streamOf(2000, 1000, 0.5 + random(), random)
      const sketch = createHotKeySketch(random)
      for (const keys of batches) sketch.observe(keys)
      const { keys } = sketch.read()
      for (const { key, weight } of keys) {
        t.ok(weight <= counts.get(key as number)!, `round ${round}: key ${key}`)
      }
      // Space-Saving: the error is at most 1/256 of the records, and the slack.
      const error = length / 256 + 4
      const missed = [...counts]
        .filter(([, n]) => n > length * HOT_SHARE_MIN + error)
        .sort(([, a], [, b]) => b - a)
        .slice(0, 10)
        .filter(([key]) => !keys.some((held) => held.key === key))
        .filter(([, n]) => n > (keys.at(-1)?.weight ?? 0) + error)
      t.strictSame(missed, [], `round ${round}`)
    }
  },
)

t.test('a sample of many records finds the hot keys, with shares that are near', async (t) => {
  const random = seededRandom(SEED)
  const { batches, counts, length } = streamOf(2_000_000, 100_000, 1, random)
  const sketch = createHotKeySketch(seededRandom(SEED + 1))
  for (const keys of batches) sketch.observe(keys)
  const found = mergeHotKeys([sketch.read()])
  const top = [...counts].sort(([, a], [, b]) => b - a).slice(0, 4)
  t.equal(found[0]?.key, top[0]![0])
  for (const [key, n] of top) {
    const share = found.find((hot) => hot.key === key)?.share ?? 0
    const exact = n / length
    t.ok(Math.abs(share - exact) < exact * 0.25, `${key}: ${share} for ${exact}`)
  }
})

t.test('a pattern in the input does not fall into step with the sample', async (t) => {
  const sketch = createHotKeySketch(seededRandom(SEED))
  const keys = Array.from({ length: 1024 }, (_, i) => i % 16)
  for (let i = 0; i < 4000; i++) sketch.observe(keys)
  const found = mergeHotKeys([sketch.read()])
  t.equal(found.length, 10)
  for (const { key, share } of found) t.ok(share > 0.05 && share < 0.08, `${key}: ${share}`)
})

t.test('where no key is hot, none is named', async (t) => {
  const sketch = createHotKeySketch(seededRandom(SEED))
  for (let i = 0; i < 1000; i++) {
    sketch.observe(Array.from({ length: 1024 }, (_, j) => `key-${i * 1024 + j}`))
  }
  t.strictSame(sketch.read().keys, [])
})

t.test('what was hot long ago fades', async (t) => {
  const sketch = createHotKeySketch(seededRandom(SEED))
  const old = new Array<string>(1024).fill('old')
  const young = new Array<string>(1024).fill('young')
  for (let i = 0; i < 4096; i++) sketch.observe(old)
  for (let i = 0; i < 30_000; i++) sketch.observe(young)
  const [first, second] = mergeHotKeys([sketch.read()])
  t.equal(first?.key, 'young')
  t.ok((second?.share ?? 0) < 0.02, `old: ${second?.share}`)
})

t.test('keys of all kinds can be shown, and equal ones of several subtasks are one', async (t) => {
  const random = seededRandom(SEED)
  const keys = [
    'a',
    1,
    1n,
    null,
    undefined,
    Number.NaN,
    [1, 'b'],
    { at: new Date(0) },
    'x'.repeat(500),
  ]
  const sketches = [createHotKeySketch(random), createHotKeySketch(random)]
  for (const sketch of sketches) sketch.observe(keys)
  const shown = mergeHotKeys(sketches.map((sketch) => sketch.read()))
  t.equal(shown.length, keys.length)
  t.ok(shown.every(({ share }) => share === 1 / keys.length))
  const shownKeys = new Set(shown.map(({ key }) => JSON.stringify(key)))
  for (const key of ['a', 1, '1', null, 'undefined', 'NaN', [1, 'b'], { at: new Date(0) }]) {
    t.ok(shownKeys.has(JSON.stringify(key)), JSON.stringify(key))
  }
  t.strictSame(mergeHotKeys([]), [])
})
