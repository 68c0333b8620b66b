/**
 * NDJSON: one JSON value per line (https://github.com/ndjson/ndjson-spec). Lines of white space are
 * skipped. A key named `__proto__` stays data, as `JSON.parse` defines it.
 */
import { type Decoder, type ReportBad, shorten } from './decoder.js'

export class NdjsonDecoder<T> implements Decoder<T> {
  line = 0
  readonly #bad: ReportBad

  constructor(bad: ReportBad) {
    this.#bad = bad
  }

  decode(text: string, from: number, final: boolean, out: T[], max: number): number {
    const full = out.length + max
    let at = from
    while (out.length < full && at < text.length) {
      const newline = text.indexOf('\n', at)
      if (newline === -1 && !final) break
      const start = at
      const end = newline === -1 ? text.length : newline
      at = newline === -1 ? end : newline + 1
      this.line++
      this.#parse(text.slice(start, end), start, out)
    }
    return at
  }

  #parse(line: string, at: number, out: T[]): void {
    let value: T
    try {
      value = JSON.parse(line) as T
    } catch (cause) {
      if (line.trim() === '') return
      const reason = `expected one JSON value, ${(cause as Error).message}`
      this.#bad({ reason, raw: shorten(line), line: this.line, cause }, at)
      return
    }
    out.push(value)
  }
}

/** One line of NDJSON without its newline. Throws a `TypeError` where JSON has no form for `value`. */
export function toNdjson(value: unknown): string {
  const line = JSON.stringify(value)
  if (line === undefined) throw new TypeError(`${typeof value} has no JSON form`)
  return line
}
