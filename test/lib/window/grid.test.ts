/** Grids, in UTC and in local time, and slices cut along them. */
import fc from 'fast-check'
import t from 'tap'
import { fixedGrid, type Grid, modulo } from '../../../lib/window/grid.js'
import {
  cumulatingSlices,
  type Slicing,
  slidingSlices,
  slidingSpans,
  tumblingSlices,
  windowsAt,
} from '../../../lib/window/slicing.js'
import { createTimeZone } from '../../../lib/window/time-zone.js'
import { zoneGrid } from '../../../lib/window/zone-grid.js'
import { testSeed } from '../../support/test-seed.js'

fc.configureGlobal({ seed: testSeed() })

const HOUR = 3_600_000
const DAY = 24 * HOUR
const at = (iso: string): number => Date.parse(iso)

/** A time is between the lines around it, and those are lines. */
function isSound(grid: Grid, timeMs: number): boolean {
  const [floor, next] = [grid.floor(timeMs), grid.next(timeMs)]
  return (
    floor <= timeMs &&
    timeMs < next &&
    grid.floor(floor) === floor &&
    grid.next(floor) === next &&
    grid.floor(next) === next &&
    grid.floor(next - 1) === floor
  )
}

t.test('remainders are those of floor division, exact up to the ends of time', async (t) => {
  t.equal(modulo(-1, 10), 9)
  t.equal(modulo(-10, 10), 0)
  t.ok(Object.is(modulo(-10, 10), 0), 'no -0')
  const far = fc.integer({ min: -8.64e15, max: 8.64e15 })
  fc.assert(
    fc.property(far, fc.integer({ min: 1, max: 1e12 }), (value, divisor) => {
      const exact = ((BigInt(value) % BigInt(divisor)) + BigInt(divisor)) % BigInt(divisor)
      return BigInt(modulo(value, divisor)) === exact
    }),
  )
})

t.test('a time lies between two lines of a fixed grid, wherever it is', async () => {
  const far = fc.integer({ min: -8.6e15, max: 8.6e15 })
  const offset = fc.integer({ min: -1e9, max: 1e9 })
  fc.assert(
    fc.property(far, fc.integer({ min: 1, max: 1e9 }), offset, (timeMs, step, offsetMs) =>
      isSound(fixedGrid(step, offsetMs), timeMs),
    ),
  )
})

t.test('a time lies between two lines of local time, in every zone', async () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/Sao_Paulo',
    'Asia/Kolkata',
    'Australia/Lord_Howe',
    'Africa/Casablanca',
    'Pacific/Apia',
    'America/New_York',
    'Asia/Tehran',
  ].map(createTimeZone)
  const steps = [HOUR / 2, HOUR, 2 * HOUR, 6 * HOUR, DAY, 7 * DAY, 5_000_000]
  const time = fc.integer({ min: at('1900-01-01'), max: at('2100-01-01') })
  const property = (zone: number, step: number, offsetMs: number, timeMs: number) =>
    isSound(zoneGrid(steps[step]!, offsetMs, zones[zone]!), timeMs)
  const zone = fc.nat(zones.length - 1)
  const offset = fc.constantFrom(0, HOUR / 4, HOUR)
  fc.assert(fc.property(zone, fc.nat(steps.length - 1), offset, time, property), { numRuns: 2_000 })
})

t.test('lines of local time are those of the clock on the wall', async (t) => {
  const zone = createTimeZone('Europe/Berlin')
  const hours = (step: number, from: string, to: string): string[] => {
    const grid = zoneGrid(step, 0, zone)
    const lines = []
    for (let line = grid.floor(at(from)); line < at(to); line = grid.next(line)) {
      lines.push(new Date(line).toISOString().slice(5, 16))
    }
    return lines
  }
  t.same(
    hours(DAY, '2024-03-30T12:00Z', '2024-04-02T00:00Z'),
    ['03-29T23:00', '03-30T23:00', '03-31T22:00', '04-01T22:00'],
    'a day of 23 hours',
  )
  t.same(
    hours(DAY, '2024-10-26T12:00Z', '2024-10-29T00:00Z'),
    ['10-25T22:00', '10-26T22:00', '10-27T23:00', '10-28T23:00'],
    'a day of 25 hours',
  )
  t.equal(hours(HOUR, '2024-10-26T22:00Z', '2024-10-27T23:00Z').length, 25)
  t.equal(hours(HOUR, '2024-03-30T23:00Z', '2024-03-31T22:00Z').length, 23)
  // 00:00, 02:00, which is shown twice, 04:00.
  t.same(hours(2 * HOUR, '2024-10-26T22:00Z', '2024-10-27T04:00Z'), [
    '10-26T22:00',
    '10-27T00:00',
    '10-27T01:00',
    '10-27T03:00',
  ])
  // 00:00, then 03:00, for 02:00 was leapt over, then 04:00.
  t.same(hours(2 * HOUR, '2024-03-30T23:00Z', '2024-03-31T03:00Z'), [
    '03-30T23:00',
    '03-31T01:00',
    '03-31T02:00',
  ])
})

t.test('a time zone that nobody knows is refused by name', async (t) => {
  t.throws(() => createTimeZone('Europe/Atlantis'), {
    code: 'E_BAD_TIME_ZONE',
    message: /'Europe\/Atlantis'/,
  })
})

/** Its windows are those that a slice lies in, in order, and they begin and end where slices do. */
function isSlicing(slicing: Slicing, timeMs: number): boolean {
  const { start, end } = slicing.sliceAt(timeMs)
  const same = [start, end - 1].every((time) => {
    const slice = slicing.sliceAt(time)
    return slice.start === start && slice.end === end
  })
  const windows = windowsAt(slicing, start)
  const around = windows.every(
    (window, i) =>
      window.start <= start &&
      end <= window.end &&
      slicing.sliceAt(window.start).start === window.start &&
      slicing.sliceAt(window.end).start === window.end &&
      (i === 0 || windows[i - 1]!.end < window.end) &&
      slicing.firstWindow(start, window.end - 1)?.end === window.end,
  )
  const last = windows.at(-1)?.end ?? -Infinity
  const after = slicing.firstWindow(start, last)
  const ends = slicing.lastEnd(start) === last && (after === null || after.end > last)
  const inside = after === null || windows.length === 0 || after.end > slicing.lastEnd(start)
  return same && start <= timeMs && timeMs < end && around && ends && inside
}

t.test('slices are where windows begin and end, whatever their sizes', async () => {
  const time = fc.integer({ min: -1e6, max: 1e6 })
  const size = fc.integer({ min: 1, max: 300 })
  fc.assert(
    fc.property(time, size, size, fc.nat(300), (timeMs, a, b, offset) => {
      const grid = fixedGrid(b, offset)
      const n = 1 + (a % 7)
      const kinds = [
        tumblingSlices(grid),
        slidingSlices(grid, a, b),
        slidingSlices(grid, n * b, b),
        slidingSpans(grid, n),
        cumulatingSlices(fixedGrid(n * b, offset), grid),
      ]
      return kinds.every((slicing) => isSlicing(slicing, timeMs))
    }),
    { numRuns: 500 },
  )
})

t.test('spans of equal slides and slides of a size are the same windows', async () => {
  const time = fc.integer({ min: -1e6, max: 1e6 })
  fc.assert(
    fc.property(time, fc.integer({ min: 1, max: 50 }), fc.nat(9), (timeMs, slide, more) => {
      const grid = fixedGrid(slide, 3)
      const [a, b] = [slidingSlices(grid, (more + 1) * slide, slide), slidingSpans(grid, more + 1)]
      const { start } = a.sliceAt(timeMs)
      return JSON.stringify(windowsAt(a, start)) === JSON.stringify(windowsAt(b, start))
    }),
  )
})

t.test('seven days that slide are seven calendar days', async (t) => {
  const slicing = slidingSpans(zoneGrid(DAY, 0, createTimeZone('Europe/Berlin')), 7)
  const { start } = slicing.sliceAt(at('2024-03-31T12:00Z'))
  const hours = windowsAt(slicing, start).map((window) => (window.end - window.start) / HOUR)
  t.same(hours, new Array(7).fill(7 * 24 - 1))
})
