/**
 * The interpreted form of the fused loop, for processes that may not generate code. It does what the
 * generated form does, step by step: slower, and short enough to be the model that tests compare with.
 */
import { assertKey } from '../base/key.js'
import { DONE } from './expansion.js'
import {
  type Beside,
  type Cursor,
  type FusedPart,
  GIVEN_MAX,
  type Run,
  shapeOf,
} from './fused-run.js'
import { SKIP } from './record-error.js'
import { BATCH_RECORDS_MAX } from './signal.js'

/** Makes the run for batches that come with `beside`. */
export function interpretRun(parts: readonly FusedPart[], beside: Beside): Run {
  const shape = shapeOf(parts, beside)
  const expandAt = parts.flatMap(({ step }, s) => (step.kind === 'expand' ? [s] : []))
  const dropped = parts.map(() => 0)
  const passed = parts.map(() => 0)
  /** The record each open expansion belongs to, and its key. */
  const recordAt: unknown[] = []
  const keyAt: unknown[] = []

  function report(taken: number): void {
    let given = taken
    parts.forEach(({ step, context }, s) => {
      const before = given
      const counted = step.kind === 'filter' || step.kind === 'expand'
      given = counted ? passed[s]! : before - dropped[s]!
      context.count(before, given)
      passed[s] = 0
      dropped[s] = 0
    })
  }

  return function run(cursor: Cursor): boolean {
    const { records, keys, times, expansions } = cursor
    const start = cursor.index
    const out: unknown[] = []
    const outKeys: unknown[] | null = shape.keys === 'none' ? null : []
    const outTimes: number[] = []
    // Number of open expansions: the next value comes from the innermost, else from the input.
    let level = cursor.open ? cursor.depth : 0
    cursor.open = false
    cursor.out = out
    cursor.outKeys = outKeys

    /** What was taken back of the output leaves its times behind. */
    function keepTimes(): void {
      cursor.outTimes = times === null ? null : Float64Array.from(outTimes.slice(0, out.length))
    }

    /** Stops here, with this many expansions open. */
    function cut(depth: number): false {
      for (let x = 0; x < depth; x++) {
        const expansion = expansions[x]!
        expansion.cut(out.length)
        expansion.held = recordAt[x]
        expansion.heldKey = keyAt[x]
      }
      cursor.open = true
      cursor.depth = depth
      report(cursor.index - start)
      keepTimes()
      return false
    }

    function call(s: number, value: unknown, key: unknown): unknown {
      const { step, context } = parts[s]!
      const user = step.call as (value: unknown) => unknown
      const once = () => {
        const result = user(value)
        if (step.kind === 'keyBy') assertKey(result)
        return result
      }
      try {
        return once()
      } catch (error) {
        if (context.errors.place !== undefined) {
          context.errors.place.at = out.length
          context.errors.place.timeMs = cursor.heldTime
        }
        return context.errors.recover(error, value, key, once)
      }
    }

    next: for (;;) {
      let value: unknown
      let key: unknown
      let s = 0
      if (level === 0) {
        if (cursor.index === records.length) break
        key = keys === null ? undefined : keys[cursor.index]
        if (times !== null) cursor.heldTime = times[cursor.index]!
        value = records[cursor.index++]
      } else {
        if (passed[expandAt[level - 1]!]! >= GIVEN_MAX) return cut(level)
        const expansion = expansions[level - 1]!
        const { array } = expansion
        if (array === null) value = expansion.pull(out, outKeys, cursor.heldTime)
        else value = expansion.index < array.length ? array[expansion.index++] : DONE
        if (value === DONE) {
          expansion.array = null
          level--
          continue
        }
        key = keyAt[level - 1]
        s = expandAt[level - 1]! + 1
        passed[s - 1]!++
      }
      for (; s < parts.length; s++) {
        const result = call(s, value, key)
        if (result === SKIP) {
          dropped[s]!++
          continue next
        }
        switch (parts[s]!.step.kind) {
          case 'map':
            value = result
            break
          case 'filter':
            if (!result) continue next
            passed[s]!++
            break
          case 'keyBy':
            key = result
            break
          case 'expand': {
            const expansion = expansions[level]!
            if (Array.isArray(result)) {
              expansion.array = result
              expansion.index = 0
            } else if (!expansion.iterate(result, value, key, out.length, cursor.heldTime)) {
              dropped[s]!++
              continue next
            }
            recordAt[level] = value
            keyAt[level++] = key
            continue next
          }
        }
      }
      out.push(value)
      outKeys?.push(key)
      outTimes[out.length - 1] = cursor.heldTime
      if (shape.expands && out.length === BATCH_RECORDS_MAX) return cut(level)
    }
    report(cursor.index - start)
    keepTimes()
    if (!shape.expands && out.length === records.length) {
      if (shape.selects) cursor.out = null
      if (shape.keys === 'kept') cursor.outKeys = null
      cursor.outTimes = null
    }
    return true
  }
}
