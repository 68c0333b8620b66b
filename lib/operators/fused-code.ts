/**
 * The generated form of the fused loop: one function per fused run.
 *
 * Each run has source text of its own (its number stands in it), because V8 shares compiled code and
 * call feedback between functions of equal text: with several pipelines in one process the call sites
 * would turn megamorphic. Measured in benchmarks/micro/fused.ts. Runs of the same functions share theirs: a
 * subtask that begins again finds code that is compiled, and knows its calls.
 *
 * What is generated for `map, filter` on a batch without keys, shortened:
 *
 *     for (let i = 0; i < n; i++) {
 *       const v0 = records[i]
 *       let v1; try { v1 = f0(v0) } catch (e) { v1 = r0(e, v0, undefined); if (v1 === SKIP) … continue }
 *       let b1; try { b1 = f1(v1) } catch (e) { … }
 *       if (!b1) continue
 *       out[o] = v1
 *       o++
 *     }
 *
 * The output has room for all from the start, since an array that grows by `push` costs as much as the
 * function of a step; what is left of it is cut off.
 *
 * An expansion is a loop inside the loop. When the output is full, or many results were given, the run saves indexes, arrays, keys and
 * the records that are being expanded (`w`) in the cursor and returns; called again, `resume` leads it back
 * into the innermost loop.
 */
import { assertKey } from '../base/key.js'
import { DONE } from './expansion.js'
import {
  type Beside,
  type FusedPart,
  GIVEN_MAX,
  type Run,
  type RunShape,
  shapeOf,
} from './fused-run.js'
import { SKIP } from './record-error.js'
import { BATCH_RECORDS_MAX } from './signal.js'

let allowed: boolean | null = null
let runs = 0

/** False under `--disallow-code-generation-from-strings` and its like. */
export function mayGenerateCode(): boolean {
  if (allowed === null) {
    try {
      allowed = new Function('return true')() === true
    } catch {
      allowed = false
    }
  }
  return allowed
}

/** A run that was compiled, of the functions that it calls and what else is its subtask's own. */
type MakeRun = (...own: readonly unknown[]) => Run

/** Runs of the functions on the way here, by what their text depends on beside these. They live as long as each of them. */
class Compiled {
  readonly runs = new Map<string, MakeRun>()
  readonly #behind = new WeakMap<object, Compiled>()

  behind(call: object): Compiled {
    const known = this.#behind.get(call)
    if (known !== undefined) return known
    const made = new Compiled()
    this.#behind.set(call, made)
    return made
  }
}

const compiled = new Compiled()

function compile(parts: readonly FusedPart[], beside: Beside): MakeRun {
  const text = sourceOf(parts, beside)
  return new Function('f', 'r', 'counts', 'SKIP', 'DONE', 'assertKey', 'isArray', text) as MakeRun
}

/** The run for batches that come with `beside`, compiled where none of the same functions was. */
export function generateRun(parts: readonly FusedPart[], beside: Beside): Run {
  const { runs } = parts.reduce((found, { step }) => found.behind(step.call), compiled)
  const name = `${beside.keyed} ${beside.timed} ${parts.map(({ step }) => step.kind)}`
  const make = runs.get(name) ?? compile(parts, beside)
  runs.set(name, make)
  return make(
    parts.map(({ step }) => step.call),
    parts.map(recoveryOf),
    parts.map(
      ({ context }) =>
        (i: number, o: number) =>
          context.count(i, o),
    ),
    SKIP,
    DONE,
    assertKey,
    Array.isArray,
  )
}

type Recovery = (
  error: unknown,
  record: unknown,
  key: unknown,
  at: number,
  timeMs: number,
) => unknown

/** Outside the loop, so that the loop has no closure that captures a record. */
function recoveryOf({ step, context }: FusedPart): Recovery {
  const call = step.call as (value: unknown) => unknown
  const again =
    step.kind === 'keyBy'
      ? (record: unknown) => {
          const key = call(record)
          assertKey(key)
          return key
        }
      : call
  const { errors } = context
  return (error, record, key, at, timeMs) => {
    if (errors.place !== undefined) {
      errors.place.at = at
      errors.place.timeMs = timeMs
    }
    return errors.recover(error, record, key, () => again(record))
  }
}

/** The text of a run; exported for the test that reads it. */
export function sourceOf(parts: readonly FusedPart[], beside: Beside): string {
  return new RunWriter(parts, beside).write()
}

class RunWriter {
  readonly #parts: readonly FusedPart[]
  readonly #keyed: boolean
  readonly #shape: RunShape
  readonly #lines: string[] = []
  /** Step numbers of the expansions. */
  readonly #expands: readonly number[]
  /** Names of the variables that hold keys, and of the one that holds the current one. */
  readonly #keyNames: string[]
  #key: string
  /** Key in use at each expansion, by step. */
  readonly #keyAt = new Map<number, string>()
  /** Name of the variable that holds the current value; label of the loop around. */
  #value = ''
  #loop = 0

  constructor(parts: readonly FusedPart[], beside: Beside) {
    const { keyed } = beside
    this.#parts = parts
    this.#keyed = keyed
    this.#shape = shapeOf(parts, beside)
    const stepsOf = (kind: string) =>
      parts.flatMap(({ step }, s) => (step.kind === kind ? [s] : []))
    this.#expands = stepsOf('expand')
    this.#keyNames = [...(keyed ? ['k'] : []), ...stepsOf('keyBy').map((s) => `k${s}`)]
    this.#key = keyed ? 'k' : 'undefined'
  }

  write(): string {
    this.#prologue()
    if (this.#shape.expands) this.#expandingLoops()
    else this.#plainLoop()
    this.#epilogue()
    return this.#lines.join('\n')
  }

  #add(...lines: string[]): void {
    this.#lines.push(...lines)
  }

  #prologue(): void {
    runs++
    const { selects, keys, times, expands } = this.#shape
    this.#add('"use strict"', `// run ${runs}`)
    this.#parts.forEach((_, s) => {
      this.#add(`const f${s} = f[${s}], r${s} = r[${s}], count${s} = counts[${s}]`)
    })
    this.#add('return function run(c) {', 'const records = c.records, n = records.length')
    if (this.#keyed) this.#add('const keys = c.keys')
    if (times === 'kept') this.#add('const times = c.times', 'let outTimes = null')
    if (times === 'made') {
      this.#add('const times = c.times', `let outTimes = new Float64Array(${BATCH_RECORDS_MAX})`)
      this.#add('let time = c.heldTime')
    }
    const list = expands ? '[]' : 'new Array(n)'
    this.#add(`let out = ${selects ? 'null' : list}, outKeys = ${keys === 'made' ? list : 'null'}`)
    if (!expands) this.#add('let o = 0')
    this.#parts.forEach((_, s) => {
      this.#add(`let passed${s} = 0, dropped${s} = 0`)
    })
    if (expands) this.#add('const start = c.index', 'let resume = c.open')
    this.#keyNames.forEach((name, h) => {
      this.#add(`let ${name} = ${expands ? `resume ? c.held[${h}] : undefined` : 'undefined'}`)
    })
    this.#expands.forEach((s, x) => {
      this.#add(`const x${s} = c.expansions[${x}]`, `let w${s} = x${s}.held`)
      this.#add(`let a${s} = x${s}.array, j${s} = x${s}.index`)
    })
  }

  #plainLoop(): void {
    this.#add('L0: for (let i = 0; i < n; i++) {')
    this.#readInput('i')
    this.#parts.forEach((_, s) => {
      this.#step(s)
    })
    this.#place()
    this.#add('}')
    this.#add('if (o < n) {', 'if (out !== null) out.length = o')
    this.#add('if (outKeys !== null) outKeys.length = o', '}')
  }

  #expandingLoops(): void {
    this.#add('let i = start', 'L0: for (;;) {', 'if (!resume) {', 'if (i === n) break')
    this.#readInput('i++')
    this.#parts.forEach((part, s) => {
      this.#step(s)
      if (part.step.kind !== 'expand') return
      const innermost = s === this.#expands.at(-1)
      this.#add('}')
      if (innermost) this.#add('resume = false')
      this.#loop = s + 1
      this.#add(`L${this.#loop}: for (;;) {`, innermost ? '{' : 'if (!resume) {')
      this.#add(`if (passed${s} >= ${GIVEN_MAX}) {`)
      this.#cut(s)
      this.#add('}')
      this.#value = `v${s + 1}`
      this.#add(
        `let ${this.#value}`,
        `if (a${s} !== null) { if (j${s} >= a${s}.length) break; ${this.#value} = a${s}[j${s}++] }`,
        `else { ${this.#value} = x${s}.pull(out, outKeys, ${this.#shape.times === 'made' ? 'time' : 'NaN'}); if (${this.#value} === DONE) break }`,
        `passed${s}++`,
      )
    })
    this.#push()
    this.#add(`if (out.length === ${BATCH_RECORDS_MAX}) {`)
    this.#cut(this.#expands.at(-1)!)
    this.#add('}', '}')
    for (const _ of this.#expands) this.#add('}')
    this.#add('}', 'c.open = false; c.index = i')
    for (const s of this.#expands) this.#add(`x${s}.array = null`)
  }

  /** Saves where it is: inside the expansion of step `at`, and of none behind it. */
  #cut(at: number): void {
    for (const s of this.#expands) {
      // Led through them, it finds nothing left.
      if (s > at) this.#add(`x${s}.array = []; x${s}.index = 0`)
      else {
        this.#add(`x${s}.array = a${s}; x${s}.index = j${s}; x${s}.cut(out.length)`)
        this.#add(`x${s}.held = w${s}; x${s}.heldKey = ${this.#keyAt.get(s)}`)
      }
    }
    this.#keyNames.forEach((name, h) => {
      this.#add(`c.held[${h}] = ${name}`)
    })
    this.#add(`c.open = true; c.depth = ${this.#expands.indexOf(at) + 1}; c.index = i`)
    if (this.#shape.times === 'made') this.#add('c.heldTime = time')
    this.#report('i - start')
    this.#add('return false')
  }

  #epilogue(): void {
    this.#report(this.#shape.expands ? 'i - start' : 'n')
    this.#add('return true', '}', `//# sourceURL=millrace-fused-run-${runs}.js`)
  }

  #report(taken: string): void {
    const { times } = this.#shape
    if (times === 'made') this.#add('c.outTimes = outTimes.subarray(0, out.length)')
    if (times === 'kept') {
      this.#add('c.outTimes = outTimes === null ? null : outTimes.subarray(0, o)')
    }
    this.#add('c.out = out; c.outKeys = outKeys', `let taken = ${taken}, given = 0`)
    this.#parts.forEach(({ step }, s) => {
      const passes = step.kind === 'filter' || step.kind === 'expand'
      this.#add(`given = ${passes ? `passed${s}` : `taken - dropped${s}`}`)
      this.#add(`count${s}(taken, given); taken = given`)
    })
  }

  #readInput(index: string): void {
    this.#value = 'v0'
    const at = index.replace('++', '')
    if (this.#keyed) this.#add(`k = keys[${at}]`)
    if (this.#shape.times === 'made') this.#add(`time = times[${at}]`)
    this.#add(`const v0 = records[${index}]`)
  }

  /** Adds the value in hand to the output of an expanding run, which is cut when it is full. */
  #push(): void {
    const { keys, times } = this.#shape
    this.#add(`out.push(${this.#value})`)
    if (keys === 'made') this.#add(`outKeys.push(${this.#key})`)
    if (times === 'made') this.#add('outTimes[out.length - 1] = time')
  }

  /** Puts the value in hand behind the `o` results before it. */
  #place(): void {
    const { selects, keys, times } = this.#shape
    this.#add(`${selects ? 'if (out !== null) ' : ''}out[o] = ${this.#value}`)
    if (keys === 'made') this.#add(`outKeys[o] = ${this.#key}`)
    if (keys === 'kept') this.#add(`if (outKeys !== null) outKeys[o] = ${this.#key}`)
    if (times === 'kept') this.#add('if (outTimes !== null) outTimes[o] = times[i]')
    this.#add('o++')
  }

  /** Leaves the record out; the first time, copies what was not dropped before it. */
  #drop(): string {
    const { selects, keys, times, expands } = this.#shape
    // Before the first drop, as many have passed as are behind us; copied whole, they have room.
    const copyKeys = keys === 'kept' ? 'if (outKeys === null) outKeys = keys.slice(); ' : ''
    const copy = selects ? 'if (out === null) out = records.slice(); ' : ''
    const copyTimes = times === 'kept' ? 'if (outTimes === null) outTimes = times.slice(); ' : ''
    return `${expands ? '' : copyKeys + copyTimes + copy}continue L${this.#loop}`
  }

  /** Where the results of the record in hand would stand, and its time. */
  #standing(): string {
    const { times, expands } = this.#shape
    const timeMs = times === 'none' ? 'NaN' : times === 'kept' ? 'times[i]' : 'time'
    return `${expands ? 'out.length' : 'o'}, ${timeMs}`
  }

  #step(s: number): void {
    const { kind } = this.#parts[s]!.step
    const value = this.#value
    const recover = `r${s}(e, ${value}, ${this.#key}, ${this.#standing()})`
    const skipped = `{ dropped${s}++; ${this.#drop()} }`
    const guarded = (name: string, check = '') =>
      `try { ${name} = f${s}(${value})${check} } catch (e) { ${name} = ${recover}; if (${name} === SKIP) ${skipped} }`
    switch (kind) {
      case 'map':
        this.#value = `v${s + 1}`
        this.#add(`let ${this.#value}`, guarded(this.#value))
        break
      case 'filter':
        this.#add(`let b${s}`, guarded(`b${s}`), `if (!b${s}) { ${this.#drop()} }`, `passed${s}++`)
        break
      case 'tap':
        this.#add(`try { f${s}(${value}) } catch (e) { if (${recover} === SKIP) ${skipped} }`)
        break
      case 'keyBy': {
        const check = `; if (typeof k${s} !== 'string' && typeof k${s} !== 'number') assertKey(k${s})`
        this.#add(guarded(`k${s}`, check))
        this.#key = `k${s}`
        break
      }
      case 'expand':
        this.#keyAt.set(s, this.#key)
        this.#add(
          `w${s} = ${value}`,
          guarded(`a${s}`),
          `j${s} = 0`,
          `if (!isArray(a${s})) { const given = a${s}; a${s} = null; ` +
            `if (!x${s}.iterate(given, ${value}, ${this.#key}, ${this.#standing()})) ${skipped} }`,
        )
        break
    }
  }
}
