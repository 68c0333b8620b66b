/** Joins of bounded streams against nested loops, under any interleaving of their inputs. */
import fc from 'fast-check'
import t from 'tap'
import { collect, runTest } from '../../../actors/testing/index.js'
import { seededRandom } from '../../../lib/base/random.js'
import { generate } from '../../../lib/connectors/index.js'
import { hashJoin, type JoinKind, keyBy, pipeline, sortMergeJoin } from '../../../lib/index.js'
import { type AnyStream, attach } from '../../../lib/operators/stream.js'
import { createMemorySpill } from '../../support/memory-spill.js'
import { type HarnessOptions, type OperatorHarness, open } from '../../support/operator-harness.js'
import { testSeed } from '../../support/test-seed.js'

fc.configureGlobal({ seed: testSeed() })

const KINDS: readonly JoinKind[] = ['inner', 'left', 'right', 'full']
const JOINS = { hashJoin, sortMergeJoin } as const
type Name = keyof typeof JOINS
const NAMES = Object.keys(JOINS) as Name[]

interface Side {
  readonly key: unknown
  readonly id: string
}

const other = { [attach]: () => other } as unknown as AnyStream

const openJoin = (name: Name, options: object, harness: HarnessOptions = {}) =>
  open(JOINS[name](other as never, options) as never, { keyed: true, ...harness })

const text = (value: unknown) =>
  JSON.stringify(value, (_, part) => (part === undefined ? 'nothing' : part))

/** Every pair of the same key; then what has no partner. */
function nestedLoops(left: readonly Side[], right: readonly Side[], kind: JoinKind): string[] {
  const isSame = (a: Side, b: Side) => Object.is(a.key, b.key) || text(a.key) === text(b.key)
  const pairs: unknown[] = left.flatMap((l) => right.filter((r) => isSame(l, r)).map((r) => [l, r]))
  if (kind === 'left' || kind === 'full') {
    pairs.push(...left.filter((l) => !right.some((r) => isSame(l, r))).map((l) => [l, undefined]))
  }
  if (kind === 'right' || kind === 'full') {
    pairs.push(...right.filter((r) => !left.some((l) => isSame(l, r))).map((r) => [undefined, r]))
  }
  return pairs.map(text).sort()
}

function turns(harness: OperatorHarness): void {
  for (let i = 0; harness.deferred && i < 100_000; i++) {
    harness.gateOpen = true
    harness.turn()
  }
}

/** Feeds both sides in batches, in an order and with ends chosen by `random`. */
function feedBoth(
  harness: OperatorHarness,
  sides: readonly (readonly Side[])[],
  random: () => number,
  size = 3,
): OperatorHarness {
  const at = [0, 0]
  const ended = [false, false]
  while (!ended[0] || !ended[1]) {
    const side = ended[0] ? 1 : ended[1] ? 0 : Math.floor(random() * 2)
    const part = sides[side]!.slice(at[side], at[side]! + 1 + Math.floor(random() * size))
    harness.gateOpen = true
    if (part.length > 0)
      harness.batch(
        part as never,
        part.map(({ key }) => key),
        side,
      )
    else {
      ended[side] = true
      // The last to end may be told by the end alone.
      if (!ended[1 - side] || random() < 0.5) harness.input(side)
    }
    at[side]! += part.length
    turns(harness)
  }
  harness.gateOpen = true
  harness.end()
  turns(harness)
  return harness
}

const keys = fc.constantFrom<unknown>(1, '1', 1n, null, undefined, Number.NaN, 'a', [1, 'a'])
const sideOf = (name: string) =>
  fc
    .array(keys, { maxLength: 25 })
    .map((list) => list.map((key, i) => ({ key, id: `${name}${i}` })))
// JSON has no form of its own for these.
const told = (side: readonly Side[]) =>
  side.map(({ key, id }) => ({ key: `${typeof key}:${String(key)}`, id }))

for (const name of NAMES) {
  for (const kind of KINDS) {
    t.test(`${name}, ${kind}: the pairs of nested loops`, async () => {
      fc.assert(
        fc.property(sideOf('l'), sideOf('r'), fc.nat(), (left, right, seed) => {
          const random = seededRandom(seed)
          const harness = openJoin(name, { kind }, { stayOpen: () => random() < 0.5 })
          feedBoth(harness, [left, right], random)
          if (harness.broken.length > 0) throw new Error(harness.broken[0])
          if (harness.error !== undefined) throw harness.error
          const seen = (harness.values as (Side | undefined)[][]).map((pair) =>
            text(pair.map((side) => side && told([side])[0])),
          )
          const keyed = (harness.values as (Side | undefined)[][]).every(
            (pair, i) =>
              Object.is((pair[0] ?? pair[1])!.key, harness.keys[i]) ||
              text((pair[0] ?? pair[1])!.key) === text(harness.keys[i]),
          )
          const expected = nestedLoops(told(left), told(right), kind)
          return keyed && text(seen.sort()) === text(expected) && harness.marks.join() === 'end'
        }),
        { numRuns: 200 },
      )
    })
  }

  t.test(`${name} spills, and leaves nothing behind`, async (t) => {
    const spill = createMemorySpill()
    const pad = 'x'.repeat(60)
    const left = Array.from({ length: 24_000 }, (_, i) => ({ key: i % 5000, id: `l${i}${pad}` }))
    const right = Array.from({ length: 6000 }, (_, i) => ({ key: i, id: `r${i}${pad}` }))
    const options = { kind: 'full', ...(name === 'sortMergeJoin' ? { memoryMb: 1 } : {}) }
    const harness = openJoin(name, options, { spill })
    // The hash join holds back the whole left side.
    for (const [input, side] of [left, right].entries()) {
      for (let at = 0; at < side.length; at += 1000) {
        const part = side.slice(at, at + 1000)
        harness.gateOpen = true
        harness.batch(
          part as never,
          part.map(({ key }) => key),
          input,
        )
        turns(harness)
      }
    }
    harness.end()
    turns(harness)
    t.same(harness.broken, [])
    t.ok(spill.created > 0)
    t.equal(harness.values.length, 24_000 + 1000)
    const pairs = harness.values as (Side | undefined)[][]
    t.ok(pairs.every(([l, r]) => l === undefined || l.key === r?.key))
    t.equal(spill.living, 0)
    harness.unsubscribe()
    t.ok(spill.closed)
  })

  t.test(`${name} gives the same at any parallelism`, async (t) => {
    for (const parallelism of [1, 2, 3]) {
      const pairs = collect<readonly [number | undefined, number | undefined]>()
      const { error } = await runTest(
        pipeline('join', (flow) => {
          const right = flow.from(generate(300, (i) => i * 2)).pipe(keyBy((n) => n % 100))
          const left = flow.from(generate(300, (i) => i * 3)).pipe(keyBy((n) => n % 100))
          left.pipe(JOINS[name](right, { kind: 'full' })).to(pairs)
        }),
        { parallelism },
      )
      t.equal(error, null)
      const sideOf = (step: number) =>
        Array.from({ length: 300 }, (_, i) => ({ key: (i * step) % 100, id: String(i * step) }))
      const expected = nestedLoops(sideOf(3), sideOf(2), 'full').map((pair) =>
        text(
          (JSON.parse(pair) as (Side | 'nothing')[]).map((s) =>
            s === 'nothing' ? s : Number(s.id),
          ),
        ),
      )
      t.strictSame(pairs.records.map(text).sort(), expected.sort(), `parallelism ${parallelism}`)
    }
  })

  t.test(`${name} needs keys on both sides, ends, and a kind it knows`, async (t) => {
    const make = (leftKeyed: boolean, endless: boolean) => () =>
      pipeline('join', (flow) => {
        const numbers = flow.from(generate(endless ? Number.POSITIVE_INFINITY : 3, (i) => i))
        const keyed = numbers.pipe(keyBy((i) => i))
        const left = leftKeyed ? keyed : (numbers as never as typeof keyed)
        left.pipe(JOINS[name](keyed)).to(collect())
      }).compose()
    t.doesNotThrow(make(true, false))
    t.throws(make(false, false), { code: 'E_NOT_CO_KEYED' })
    t.throws(make(true, true), {
      code: 'E_NEVER_SPEAKS',
      message:
        /never ends: use intervalJoin\(…\).*or join\(…\), which keeps records for a retention\.$/,
    })
    t.throws(() => JOINS[name](other as never, { kind: 'outer' as never }), {
      code: 'E_BAD_ARGUMENT',
      message: /kind/,
    })
    t.throws(() => JOINS[name](5 as never), { code: 'E_NO_STREAM' })
  })
}

t.test('hashJoin says when the other stream is too large for it', async (t) => {
  const harness = openJoin('hashJoin', { bufferMax: 2 })
  harness.batch([1, 2, 3] as never, [1, 2, 3], 1)
  t.match(harness.error, { code: 'E_BUFFER_FULL', message: /hashJoin/ })
})
