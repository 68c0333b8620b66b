/**
 * Scripts: what an operator is given, step by step, by one or several inputs. A script can be cut into other
 * batches, played with a gate that closes, stopped at any step, and played on over the state that was left.
 */
import fc from 'fast-check'
import { seededRandom } from '../../../lib/base/random.js'
import { deepFreeze } from '../../../lib/operators/freeze.js'
import { BATCH, type Signal } from '../../../lib/operators/signal.js'
import type { OperatorHarness } from '../../support/operator-harness.js'

/** A record of a script; its key is `x % 3`. */
export interface Item {
  readonly id: number
  readonly x: number
}

export type Step =
  | {
      readonly kind: 'records'
      readonly input: number
      readonly items: readonly Item[]
      readonly times: readonly number[]
    }
  | { readonly kind: 'watermark'; readonly timeMs: number }
  | { readonly kind: 'ended'; readonly input: number }

/** How records are given. */
export interface Playing {
  readonly keyed: boolean
  readonly timed: boolean
  /** Inputs whose records have no key, whatever those of the others have. */
  readonly broadcast: readonly number[]
}

const KEYS = 3
export const keyOf = ({ x }: Item): number => x % KEYS

/** How far records are behind the latest at most, in ms, and watermarks behind the latest. */
const DISORDER_MS = 10
const LATE_MS = 15

/** `late`: some records come behind the watermark. */
export function scripts(inputs: number, late: boolean, stepsMax = 14): fc.Arbitrary<Step[]> {
  const record = fc.record({ x: fc.nat(8), back: fc.nat(late ? LATE_MS : DISORDER_MS) })
  const step = fc.record({
    input: fc.nat(inputs - 1),
    records: fc.array(record, { minLength: 1, maxLength: 4 }),
    advanceMs: fc.nat(12),
    speaks: fc.boolean(),
  })
  const endsAt = fc.array(fc.nat(stepsMax * 4), { minLength: inputs, maxLength: inputs })
  return fc.tuple(fc.array(step, { maxLength: stepsMax }), endsAt).map(([steps, ends]) => {
    let nowMs = 100
    let id = 0
    return steps.flatMap(({ input, records, advanceMs, speaks }, at): Step[] => {
      nowMs += advanceMs
      const ended = ends.flatMap((end, i): Step[] =>
        end === at && inputs > 1 ? [{ kind: 'ended', input: i }] : [],
      )
      const items = records.map(({ x }) => ({ id: id++, x }))
      const times = records.map(({ back }) => nowMs - back)
      const given: Step[] = ends[input]! > at ? [{ kind: 'records', input, items, times }] : []
      const timeMs = nowMs - DISORDER_MS - 1
      return [...ended, ...given, ...(speaks ? [{ kind: 'watermark', timeMs } as const] : [])]
    })
  })
}

/** The same records in other batches. */
export function recut(steps: readonly Step[], seed: number): Step[] {
  const random = seededRandom(seed)
  return steps.flatMap((step): Step[] => {
    if (step.kind !== 'records') return [step]
    const at = Math.floor(random() * (step.items.length + 1))
    const half = (from: number, to?: number): Step[] =>
      from === (to ?? step.items.length)
        ? []
        : [{ ...step, items: step.items.slice(from, to), times: step.times.slice(from, to) }]
    return [...half(0, at), ...half(at)]
  })
}

/** The same without the items for which `drops` is true. */
export const without = (steps: readonly Step[], drops: (item: Item) => boolean): Step[] =>
  steps.flatMap((step): Step[] => {
    if (step.kind !== 'records') return [step]
    const kept = step.items.map((item) => !drops(item))
    const items = step.items.filter((_, i) => kept[i])
    return items.length === 0
      ? []
      : [{ ...step, items, times: step.times.filter((_, i) => kept[i]) }]
  })

export const isOver = (harness: OperatorHarness): boolean =>
  harness.error !== undefined || harness.marks.includes('end')

/** Gives one step, and then credit until nothing waits for it. */
export function give(harness: OperatorHarness, step: Step, playing: Playing): void {
  if (isOver(harness)) return
  if (step.kind === 'watermark') {
    // Without event time there is none.
    if (playing.timed) harness.watermark(step.timeMs)
  } else if (step.kind === 'ended') harness.input(step.input)
  else {
    const { input, items, times } = step
    const hasKey = playing.keyed && !playing.broadcast.includes(input)
    const records = items.map((item) => deepFreeze(item))
    const keys = hasKey ? items.map(keyOf) : null
    // A batch is pushed only where another can leave.
    harness.gateOpen = true
    Object.freeze(records)
    if (keys !== null) Object.freeze(keys)
    harness.batch(records, keys, input, playing.timed ? times : null)
  }
  harness.drain()
}

export function play(
  harness: OperatorHarness,
  steps: readonly Step[],
  playing: Playing,
): OperatorHarness {
  for (const step of steps) give(harness, step, playing)
  return harness
}

export function finish(harness: OperatorHarness): OperatorHarness {
  // Its end may wait already.
  if (!isOver(harness) && !harness.deferred) harness.end()
  harness.drain()
  return harness
}

/** All that came out, in order: values with their keys and times, and marks. */
export function told(output: readonly Signal[]): string[] {
  return output.flatMap((signal) => {
    if (signal.tag !== BATCH) return [JSON.stringify(signal, infinities)]
    const { records, keys, times } = signal
    return records.map((record, i) => {
      const key = keys === null ? '' : ` of ${JSON.stringify(keys[i])}`
      const time = times === null ? '' : ` at ${times[i]}`
      return `${JSON.stringify(record, infinities)}${key}${time}`
    })
  })
}

export const toldValues = (output: readonly Signal[]): string[] =>
  told(output.filter(({ tag }) => tag === BATCH))

const infinities = (_: string, value: unknown): unknown =>
  value === undefined || (typeof value === 'number' && !Number.isFinite(value))
    ? String(value)
    : value
