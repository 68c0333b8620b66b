/**
 * Counters and gauges that an operator names when it opens, beside the fixed columns of counters.ts:
 * one registry per operator of a subtask, read by the subtask's thread and reported to the job.
 *
 * Bounded: at most `METRICS_MAX` names per operator, each of at most `NAME_CHARS_MAX` characters; a
 * gauge whose value takes more than `GAUGE_CHARS_MAX` characters of JSON is shown as a `GaugeError`,
 * and so is one that throws: looking at a job never fails it. Pure: no clock, no thread.
 */
import { MillraceError } from '../base/errors.js'
import type { Json } from '../base/json.js'

export const METRICS_MAX = 64
const NAME_CHARS_MAX = 128
const GAUGE_CHARS_MAX = 4096

/** The metrics that one operator of a subtask has registered. */
export interface NamedMetrics {
  /** The counter of that name; the same one each time. It begins at zero. */
  counter(name: string): { add(n: number): void }
  /** Registers `read` under that name, in place of an earlier one. */
  gauge(name: string, read: () => Json): void
  /** False while nothing has been registered. */
  readonly used: boolean
  /** Values by name. */
  read(): NamedValues
}

export interface NamedValues {
  readonly counters: Readonly<Record<string, number>>
  readonly gauges: Readonly<Record<string, Json>>
}

/** What stands for the value of a gauge that could not be read. */
export interface GaugeError {
  readonly error: string
}

class Counter {
  value: number

  constructor(value: number) {
    this.value = value
  }

  add(n: number): void {
    this.value += n
  }
}

/** `operator`: for messages. `counted`: what a subtask that this one replaces had counted. */
export function createNamedMetrics(
  operator: string,
  counted: Readonly<Record<string, number>> = {},
): NamedMetrics {
  const counters = new Map<string, Counter>()
  const gauges = new Map<string, () => Json>()
  for (const [name, value] of Object.entries(counted)) counters.set(name, new Counter(value))

  /** Throws where the name is taken by the other kind, or is one too many. */
  function admit(name: string, own: ReadonlyMap<string, unknown>, other: typeof own): void {
    if (own.has(name)) return
    if (typeof name !== 'string' || name === '' || name.length > NAME_CHARS_MAX) {
      const expected = `a string of 1 to ${NAME_CHARS_MAX} characters`
      throw bad(operator, `the name of a metric must be ${expected}`, String(name).slice(0, 200))
    }
    if (other.has(name)) throw bad(operator, 'a metric is either a counter or a gauge', name)
    if (counters.size + gauges.size >= METRICS_MAX) throw tooMany(operator, name)
  }

  return {
    counter(name) {
      admit(name, counters, gauges)
      let counter = counters.get(name)
      if (counter === undefined) {
        counter = new Counter(0)
        counters.set(name, counter)
      }
      return counter
    },
    gauge(name, read) {
      admit(name, gauges, counters)
      gauges.set(name, read)
    },
    get used() {
      return counters.size + gauges.size > 0
    },
    read: () => ({
      counters: Object.fromEntries([...counters].map(([name, { value }]) => [name, value])),
      gauges: Object.fromEntries([...gauges].map(([name, read]) => [name, readGauge(read)])),
    }),
  }
}

/** A copy, so that what is reported changes no more. */
function readGauge(read: () => Json): Json {
  try {
    const text = JSON.stringify(read())
    if (text === undefined) return { error: 'the gauge has given no JSON value' }
    if (text.length <= GAUGE_CHARS_MAX) return JSON.parse(text) as Json
    return { error: `the value has ${text.length} characters of JSON, at most ${GAUGE_CHARS_MAX}` }
  } catch (error) {
    return { error: String(error) }
  }
}

const bad = (operator: string, expected: string, name: string): MillraceError =>
  new MillraceError('E_BAD_METRIC', `"${operator}": ${expected}; seen: ${JSON.stringify(name)}`, {
    details: { operator, metric: name },
  })

const tooMany = (operator: string, name: string): MillraceError =>
  new MillraceError(
    'E_TOO_MANY_METRICS',
    `"${operator}" has ${METRICS_MAX} metrics already and asks for another, ${JSON.stringify(name)}: ` +
      'a name is for a kind of event, never for a key or a record. For values per key, emit records.',
    { details: { operator, metric: name } },
  )
