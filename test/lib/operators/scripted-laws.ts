/**
 * The laws that operators with several inputs, a key or event time keep under any script. What each of them
 * gives is held against RxJS, nested loops and oracles elsewhere; here it is held against itself, undisturbed.
 */
import fc from 'fast-check'
import type { Test } from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import type { OperatorDefinition } from '../../../lib/operators/operator.js'
import { BATCH, type Batch, WATERMARK } from '../../../lib/operators/signal.js'
import { combinedDefinition } from '../../conformance/rxjs-combine.js'
import { type HarnessOptions, OperatorHarness } from '../../support/operator-harness.js'
import { testSeed } from '../../support/test-seed.js'
import type { OfNumber } from './row.js'
import {
  finish,
  give,
  type Item,
  isOver,
  keyOf,
  type Playing,
  play,
  recut,
  type Step,
  scripts,
  told,
  toldValues,
  without,
} from './script.js'
import type { ScriptedRow } from './scripted-rows.js'

const SEED = testSeed(20_261_121)
const RUNS = 8
/** Of scripts that show that these laws say something; the same for every seed. */
const SAMPLE = { seed: 7, numRuns: 60 }
const same: OfNumber = (x) => x
/** On which the user's function throws. */
const UNLUCKY = 13

type Mode = Pick<Playing, 'keyed' | 'timed'>

export function scriptedLaws(t: Test, row: ScriptedRow): void {
  const definition = definitionFor(row)
  const { traits } = definition
  const inputs = traits.inputs ?? ['main']
  const broadcast = inputs.flatMap((kind, input) => (kind === 'broadcast' ? [input] : []))
  const modes = modesOf(definition, row)

  const playingIn = (mode: Mode): Playing => ({ ...mode, broadcast })
  const open = (mode: Mode, options: HarnessOptions = {}, f = same) =>
    new OperatorHarness([f === same ? definition : definitionFor(row, f)], {
      ...options,
      keyed: mode.keyed,
    })
  const run = (mode: Mode, steps: readonly Step[], options?: HarnessOptions, f = same) =>
    finish(play(open(mode, options, f), steps, playingIn(mode)))

  /** A law under any script, in each way the operator may be used. */
  function holds(
    law: string,
    check: (steps: Step[], mode: Mode, seed: number) => void,
    { late = true }: { late?: boolean } = {},
  ): void {
    t.test(law, async (t) => {
      const property = fc.property(
        scripts(row.inputs, late),
        fc.constantFrom(...modes),
        fc.nat(),
        check,
      )
      fc.assert(property, { seed: SEED, numRuns: RUNS })
      t.pass(`seed ${SEED}`)
    })
  }

  t.test('never: says nothing; of nothing comes nothing but the end', async (t) => {
    for (const mode of modes) {
      const harness = open(mode)
      t.same(harness.output, [])
      t.notOk(harness.deferred)
      finish(harness)
      t.same(harness.values, mode.keyed ? [] : (row.ofNothing ?? []))
      t.same(harness.marks, ['end'])
    }
  })

  t.test('the scripts of these laws make it speak', async (t) => {
    for (const mode of modes) {
      const some = fc.sample(scripts(row.inputs, true), SAMPLE)
      t.ok(some.filter((steps) => run(mode, steps).values.length > 0).length > 2)
    }
  })

  holds(
    'zero credit: under any closing of the gate the same comes out, in the same order',
    (steps, mode, seed) => {
      const expected = run(mode, steps)
      assertSound(expected)
      const random = seededRandom(seed)
      const shaky = run(mode, steps, { stayOpen: () => random() < 0.5 })
      assertSound(shaky)
      equal(told(shaky.output), told(expected.output))
    },
  )

  holds(
    'no batch while the gate is closed, and what is due comes with the credit',
    (steps, mode) => {
      const expected = run(mode, steps)
      const harness = open(mode, { stayOpen: () => false })
      const playing = playingIn(mode)
      for (const step of steps) give(harness, step, playing)
      const before = harness.output.length
      harness.gateOpen = false
      if (!isOver(harness)) harness.end()
      for (let turns = 0; turns < 3; turns++) harness.turn()
      require(harness.output.slice(before).every(({ tag }) => tag !== BATCH), 'a batch')
      finish(harness)
      assertSound(harness)
      equal(told(harness.output), told(expected.output))
    },
  )

  holds('under any cut into batches the same comes out, in the same order', (steps, mode, seed) => {
    equal(told(run(mode, recut(steps, seed)).output), told(run(mode, steps).output))
  })

  holds('keys and times come with the results as its traits say', (steps, mode) => {
    for (const signal of run(mode, steps).output) {
      if (signal.tag === BATCH) assertBatch(signal, definition, mode)
    }
  })

  holds(
    'barriers and idleness pass in their place, behind the records, and change nothing',
    (steps, mode) => {
      const expected = open(mode)
      const harness = open(mode)
      const playing = playingIn(mode)
      steps.forEach((step, round) => {
        give(expected, step, playing)
        give(harness, step, playing)
        if (isOver(harness)) return
        const before = harness.output.length
        harness.barrier(round)
        harness.idle(round % 2 === 0)
        harness.drain()
        equal(harness.marks.slice(before - harness.output.length).slice(-2), [
          `b${round}`,
          round % 2 === 0 ? 'active' : 'idle',
        ])
        equal(toldValues(harness.output), toldValues(expected.output))
      })
      equal(toldValues(finish(harness).output), toldValues(finish(expected).output))
      assertSound(harness)
    },
  )

  holds('a watermark that goes back changes nothing', (steps, mode) => {
    const back = steps.flatMap((step): Step[] =>
      step.kind === 'watermark' ? [step, { ...step, timeMs: step.timeMs - 20 }] : [step],
    )
    const harness = run(mode, back)
    assertSound(harness)
    equal(toldValues(harness.output), toldValues(run(mode, steps).output))
    if (row.inputs > 1 && row.relays !== true) assertRising(harness)
  })

  holds(
    'where nothing comes late, nothing goes out late: no result at or before a watermark',
    (steps, mode) => assertPunctual(run(mode, steps)),
    { late: false },
  )

  holds('what it was given, and what it has given, stays as it was', (steps, mode) => {
    const harness = open(mode)
    const playing = playingIn(mode)
    const seen: string[] = []
    let signals = 0
    for (const step of steps) {
      give(harness, step, playing)
      seen.push(...told(harness.output.slice(signals)))
      signals = harness.output.length
    }
    assertSound(harness)
    equal(told(harness.output), seen)
  })

  t.test('an upstream error passes, and nothing after it; unsubscribed, it lets go', async (t) => {
    for (const mode of modes) {
      const [steps] = fc.sample(scripts(row.inputs, true), { seed: SEED + 1, numRuns: 1 })
      const harness = play(open(mode), steps!.slice(0, 4), playingIn(mode))
      const isEnded = harness.marks.includes('end')
      harness.fail(new Error('upstream'))
      if (!isEnded) t.match(harness.error, { message: 'upstream' })
      const cancelled = open(mode, { stayOpen: () => false })
      const playing = playingIn(mode)
      for (const step of steps!.slice(0, 4)) give(cancelled, step, playing)
      cancelled.unsubscribe()
      const before = [harness.output.length, cancelled.output.length]
      for (const stopped of [harness, cancelled]) {
        stopped.drain()
        stopped.clock.advance(3_600_000)
        t.equal(stopped.clock.timers, 0)
      }
      t.same([harness.output.length, cancelled.output.length], before)
    }
  })

  if (row.restores !== false) {
    holds('restored at a barrier, it goes on as if nothing had happened', (steps, mode, seed) => {
      const cut = seed % (steps.length + 1)
      const playing = playingIn(mode)
      const before = play(open(mode), steps.slice(0, cut), playing)
      if (isOver(before)) return
      before.barrier(1)
      before.drain()
      before.unsubscribe()
      const after = open(mode, { state: before.states })
      // It is told again how far time has come and which inputs have ended.
      for (const step of steps.slice(0, cut)) if (step.kind === 'ended') give(after, step, playing)
      const time = steps.slice(0, cut).findLast((step) => step.kind === 'watermark')
      if (time !== undefined) give(after, time, playing)
      finish(play(after, steps.slice(cut), playing))
      assertSound(after)
      const seen = [...toldValues(before.output), ...toldValues(after.output)]
      // In which order keys speak that are due at once is nobody's business.
      equal(seen.toSorted(), toldValues(run(mode, steps).output).toSorted())
    })
  }

  if (row.throws !== false) errorLaws()

  function errorLaws(): void {
    const poison = (times: number): OfNumber => {
      let left = times
      return (x) => {
        if (x === UNLUCKY && left-- > 0) throw new RangeError('unlucky')
        return x
      }
    }
    /** One record of the script is unlucky: which, by the seed. */
    const unlucky = (steps: readonly Step[], seed: number): Step[] => {
      const at = seed % Math.max(1, itemsOf(steps).length)
      return steps.map((step) =>
        step.kind !== 'records'
          ? step
          : { ...step, items: step.items.map((item) => spoilt(item, at)) },
      )
    }
    const spoilt = (item: Item, id: number): Item =>
      item.id === id ? { ...item, x: UNLUCKY } : item

    const clean = (steps: readonly Step[]) => without(steps, ({ x }) => x === UNLUCKY)
    const hasUnlucky = (steps: readonly Step[]) => itemsOf(steps).some(({ x }) => x === UNLUCKY)

    holds(
      'a record on which the function throws fails the chain, with operator and cause',
      (steps, mode, seed) => {
        const bad = unlucky(steps, seed)
        const fine = run(mode, bad)
        const harness = run(mode, bad, {}, poison(99))
        if (harness.error === undefined) {
          // It was never called for: late, or behind the end.
          equal(told(harness.output), told(fine.output))
          return
        }
        const { code, message, cause } = harness.error as Error & { code: string }
        require(code === 'E_USER_CODE', `code ${code}`)
        require(message.includes(`"${definition.kind}"`), message)
        require((cause as Error).message === 'unlucky', 'the cause')
        require(!harness.marks.includes('end'), 'no end behind a failure')
      },
    )

    holds(
      'skipped or sent to the dead letters, it is as if the record had never come',
      (steps, mode, seed) => {
        const bad = unlucky(steps, seed)
        if (!hasUnlucky(bad)) return
        const expected = valuesOf(run(mode, clean(bad)))
        const whole = valuesOf(run(mode, bad))
        for (const policy of ['skip', 'deadLetter'] as const) {
          const harness = run(mode, bad, { policy }, poison(99))
          assertSound(harness)
          if (row.skips === 'results') {
            require(isWithin(valuesOf(harness), whole), 'what is told is as ever')
            continue
          }
          equal(valuesOf(harness), expected)
          const letters = harness.deadLetters.length
          require(policy === 'skip' ? letters === 0 : letters <= 1, `${letters} dead letters`)
          for (const { record, error } of harness.deadLetters) {
            require((record as Item).x === UNLUCKY, 'the record itself')
            require((error as Error).message === 'unlucky', 'its error')
          }
        }
      },
    )

    holds('tried again, it counts as ever', (steps, mode, seed) => {
      const bad = unlucky(steps, seed)
      const harness = run(mode, bad, { policy: { retry: 2 } }, poison(2))
      assertSound(harness)
      equal(told(harness.output), told(run(mode, bad).output))
    })

    t.test('the scripts of these laws make its function throw', async (t) => {
      const some = fc.sample(scripts(row.inputs, true), SAMPLE)
      for (const mode of modes) {
        const failed = some.filter(
          (steps, i) => run(mode, unlucky(steps, i), {}, poison(1)).error !== undefined,
        )
        t.ok(failed.length > 5, `${failed.length} of ${some.length}`)
      }
    })
  }
}

export const definitionFor = (row: ScriptedRow, f = same): OperatorDefinition =>
  combinedDefinition(row.inputs, (first, ...others) => row.op(f, first, ...others))

/** With and without keys and event time, as far as its traits allow. */
function modesOf({ traits }: OperatorDefinition, { only = {} }: ScriptedRow): Mode[] {
  const keyed = { required: [true], optional: [true, false], forbidden: [false] }[traits.key]
  const timed = traits.time === 'required' ? [true] : [true, false]
  return keyed
    .flatMap((keyed) => timed.map((timed) => ({ keyed, timed })))
    .filter(({ keyed, timed }) => (keyed || !only.keyed) && (timed || !only.timed))
}

const itemsOf = (steps: readonly Step[]): Item[] =>
  steps.flatMap((step) => (step.kind === 'records' ? step.items : []))

/** Values alone: what belongs to no record has the time of the latest seen, skipped or not. */
const valuesOf = ({ output }: OperatorHarness): string[] =>
  toldValues(output.map((signal) => (signal.tag === BATCH ? { ...signal, times: null } : signal)))

/** True where `some` is `all` with elements left out. */
function isWithin(some: readonly string[], all: readonly string[]): boolean {
  let at = 0
  for (const each of all) if (some[at] === each) at += 1
  return at === some.length
}

function require(condition: boolean, what: string): void {
  if (!condition) throw new Error(what)
}

function equal(seen: readonly unknown[], expected: readonly unknown[]): void {
  const [a, b] = [JSON.stringify(seen, null, 1), JSON.stringify(expected, null, 1)]
  if (a !== b) throw new Error(`${a}\ninstead of\n${b}`)
}

function assertSound({ broken, error }: OperatorHarness): void {
  if (broken.length > 0) throw new Error(broken[0])
  if (error !== undefined) throw error
}

function assertBatch(given: Batch, { traits }: OperatorDefinition, mode: Mode): void {
  const { records, keys, times } = given
  require((keys !== null) === (mode.keyed && traits.keyAfter === 'kept'), 'keys')
  for (let i = 0; keys !== null && i < records.length; i++) {
    // Where an item is to be seen in a result, it has the result's key.
    const item = itemIn(records[i])
    require(item === null || keyOf(item) === keys[i], `key ${keys[i]}`)
  }
  if (traits.timeAfter === 'ended' || !mode.timed) require(times === null, 'no times')
  else require(times !== null, 'times')
}

function itemIn(result: unknown): Item | null {
  const found = Array.isArray(result) ? result[0] : result
  return typeof found === 'object' && found !== null && 'x' in found ? (found as Item) : null
}

function assertRising({ output }: OperatorHarness): void {
  let lastMs = Number.NEGATIVE_INFINITY
  for (const signal of output) {
    if (signal.tag !== WATERMARK) continue
    require(signal.timeMs > lastMs, `watermark ${signal.timeMs} behind ${lastMs}`)
    lastMs = signal.timeMs
  }
}

function assertPunctual({ output }: OperatorHarness): void {
  let passedMs = Number.NEGATIVE_INFINITY
  for (const signal of output) {
    if (signal.tag === WATERMARK) passedMs = Math.max(passedMs, signal.timeMs)
    if (signal.tag !== BATCH || signal.times === null) continue
    for (const timeMs of signal.times) require(timeMs > passedMs, `${timeMs} behind ${passedMs}`)
  }
}
