/**
 * Any values, over a rebalance and a hash exchange. Each thread makes the same values from the same
 * seed, and compares what arrives with its own; what comes out are the indexes of those that differ.
 */
import { inspect } from 'node:util'
import fc from 'fast-check'
import { aggregate, count, filter, keyBy, map, pipeline, rebalance } from 'millrace'
import { generate, results } from 'millrace/connectors'
import { anyString, anyValue, isSame } from '../../lib/wire/values.js'

interface Args {
  readonly seed: string
  readonly count: string
}

interface Traveller {
  readonly index: number
  readonly value: unknown
  readonly key: Key
}

type Key = string | number | bigint | boolean | null | Date | readonly unknown[] | object

/** Few enough to come again. */
const keys = (seed: number): Key[] =>
  fc.sample(
    fc.oneof(
      anyString,
      fc.integer(),
      fc.double(),
      fc.bigInt(),
      fc.constantFrom(true, false, null, 0, '0', 0n, '', '__proto__'),
      fc.date({ noInvalidDate: true }),
      fc.tuple(fc.integer({ max: 3 }), anyString),
      fc.record({ shop: anyString, till: fc.integer({ min: 0, max: 9 }) }),
    ),
    { seed, numRuns: 60 },
  )

export function makeTravellers({ seed, count }: Args): Traveller[] {
  const known = keys(Number(seed))
  const values = fc.sample(anyValue, { seed: Number(seed), numRuns: Number(count) })
  return values.map((value, index) => ({ index, value, key: known[index % known.length]! }))
}

/** Keys are equal as keys are: -0 is 0, and neither the order of fields nor the prototype matters. */
const isSameKey = (a: unknown, b: unknown) => isSame(withPrototype(a), withPrototype(b)) || a === b

const withPrototype = (key: unknown) =>
  key !== null && typeof key === 'object' && Object.getPrototypeOf(key) === null ? { ...key } : key

export default (args: Args) =>
  pipeline('travellers', (flow) => {
    // Drawn as the first record comes: a plan is waited for by no more than seconds.
    let drawn: Traveller[] | null = null
    const expected = () => (drawn ??= makeTravellers(args))
    const isUnlike = (it: Traveller) => !isSame(it, expected()[it.index])
    const travellers = flow.from(generate(Number(args.count), (i) => expected()[i]!, { splits: 4 }))
    const differing = travellers.pipe(
      rebalance(),
      map((it: Traveller) => it, { chain: false }),
    )
    differing
      .pipe(
        filter(isUnlike),
        map((it: Traveller) => `rebalance ${it.index}`),
      )
      .to(results())
    differing
      .pipe(
        keyBy((it: Traveller) => it.key),
        aggregate({
          create: (): readonly number[] => [],
          add: (unlike: readonly number[], it: Traveller) =>
            isUnlike(it) ? [...unlike, it.index] : unlike,
        }),
        filter(([, unlike]) => unlike.length > 0),
        map(([, unlike]) => `hash ${unlike.join()}`),
      )
      .to(results())
    differing
      .pipe(
        keyBy((it: Traveller) => it.key),
        count(),
        rebalance(),
        map(([key, n]) => {
          const same = expected().filter((it) => isSameKey(it.key, key)).length
          return same === n ? 'key' : `key ${inspect(key)}: ${n} instead of ${same}`
        }),
      )
      .to(results())
  })
