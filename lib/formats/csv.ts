/**
 * CSV after RFC 4180: fields between delimiters, quotes around fields that hold delimiters, quotes
 * or newlines, a quote inside quotes written twice. A quote that does not begin a field is text.
 * Empty lines are skipped. The number of fields is that of the header, or of the first line.
 *
 * Lines without a quote — nearly all — take a path that only looks for delimiters; their fields are
 * cut when the row is built, so columns that were not chosen cost nothing but the search.
 */

import type { Json } from '../base/json.js'
import { arrayRows, type RowBuilder } from './csv-row.js'
import { type Decoder, type ReportBad, shorten } from './decoder.js'

export interface CsvDialect {
  /** One character. Default `,`. */
  readonly delimiter?: string
  /** One character, or `''` for none. Default `"`. */
  readonly quote?: string
}

export interface CsvShape {
  /** Number of fields in every line; null: that of the first line. */
  readonly width: number | null
  readonly builder: RowBuilder
}

const NEWLINE = 10
const CARRIAGE_RETURN = 13
const NEEDS_TEXT = -1

export class CsvDecoder<T> implements Decoder<T> {
  line: number = 0
  /** The header where it was read as the first line, or the width of the first line. */
  memory: Json = null
  readonly #delimiter: string
  readonly #delimiterCode: number
  readonly #quote: string
  readonly #bad: ReportBad
  readonly #multiline: boolean
  #header: ((names: readonly string[]) => CsvShape) | null
  #builder: RowBuilder
  /** Number of fields; 0 until the first line is known. */
  #width: number
  #ends: Int32Array
  #fields: string[] = []
  #problem: string | null = null
  #quotedLines = 0

  /** `shape`: known, or a function of the first line, which is then no record. */
  constructor(
    shape: CsvShape | ((names: readonly string[]) => CsvShape),
    dialect: CsvDialect,
    multiline: boolean,
    bad: ReportBad,
  ) {
    this.#delimiter = dialect.delimiter ?? ','
    this.#delimiterCode = this.#delimiter.charCodeAt(0)
    this.#quote = dialect.quote ?? '"'
    this.#multiline = multiline
    this.#bad = bad
    this.#header = typeof shape === 'function' ? shape : null
    const known = typeof shape === 'function' ? { width: null, builder: arrayRows } : shape
    this.#builder = known.builder
    this.#width = known.width ?? 0
    this.#ends = new Int32Array(this.#width)
  }

  recall(memory: Json): void {
    this.memory = memory
    if (typeof memory === 'number') this.#setShape({ width: memory, builder: this.#builder })
    else if (Array.isArray(memory) && this.#header !== null) {
      this.#setShape(this.#header(memory as readonly string[]))
    }
  }

  decode(text: string, from: number, final: boolean, out: T[], max: number): number {
    const full = out.length + max
    let at = from
    let quote = this.#nextQuote(text, at)
    while (out.length < full && at < text.length) {
      const newline = text.indexOf('\n', at)
      if (newline === -1 && !final) break
      const end = newline === -1 ? text.length : newline
      if (quote < at) quote = this.#nextQuote(text, at)
      if (quote >= end && this.#width > 0) {
        this.line++
        const crlf = newline > at && text.charCodeAt(newline - 1) === CARRIAGE_RETURN
        const stop = crlf ? newline - 1 : end
        if (stop > at) this.#plain(text, at, stop, out)
        at = newline === -1 ? end : newline + 1
      } else {
        const next = this.#scan(text, at, final)
        if (next === NEEDS_TEXT) break
        this.line += this.#quotedLines + 1
        this.#take(text, at, next, out)
        this.#quotedLines = 0
        at = next
      }
    }
    return at
  }

  #nextQuote(text: string, at: number): number {
    const quote = this.#quote === '' ? -1 : text.indexOf(this.#quote, at)
    return quote === -1 ? Number.POSITIVE_INFINITY : quote
  }

  #plain(text: string, start: number, stop: number, out: T[]): void {
    const ends = this.#ends
    const width = this.#width
    const delimiter = this.#delimiter
    let count = 0
    // `indexOf` looks at many characters at once: 1.4 times as fast as a loop over them.
    for (let at = text.indexOf(delimiter, start); at !== -1 && at < stop; ) {
      if (count < width) ends[count] = at
      count++
      at = text.indexOf(delimiter, at + 1)
    }
    if (count < width) ends[count] = stop
    count++
    if (count !== width) {
      this.#refuse(this.#wrongCount(count), text, start, stop)
      return
    }
    try {
      out.push(this.#builder.fromEnds(text, start, ends) as T)
    } catch (cause) {
      this.#refuse((cause as Error).message, text, start, stop, cause)
    }
  }

  /** Takes the fields that `scan` has found. */
  #take(text: string, start: number, next: number, out: T[]): void {
    const fields = this.#fields
    const isBlank =
      fields.length === 1 && fields[0] === '' && text.charCodeAt(start) <= CARRIAGE_RETURN
    if (this.#problem !== null) this.#refuse(this.#problem, text, start, next)
    else if (isBlank) return
    else if (this.#header !== null) {
      this.#setShape(this.#header(fields))
      this.memory = fields
    } else this.#build(fields, text, start, next, out)
  }

  #build(fields: readonly string[], text: string, start: number, next: number, out: T[]): void {
    if (this.#width === 0) {
      this.#setShape({ width: fields.length, builder: this.#builder })
      this.memory = fields.length
    }
    if (fields.length !== this.#width) {
      this.#refuse(this.#wrongCount(fields.length), text, start, next)
      return
    }
    try {
      out.push(this.#builder.fromFields(fields) as T)
    } catch (cause) {
      this.#refuse((cause as Error).message, text, start, next, cause)
    }
  }

  #setShape(shape: CsvShape): void {
    this.#header = null
    this.#builder = shape.builder
    this.#width = shape.width ?? 0
    this.#ends = new Int32Array(this.#width)
  }

  /** Cuts one record into `fields`, quotes and all; returns where the next one begins. */
  #scan(text: string, start: number, final: boolean): number {
    this.#fields = []
    this.#problem = null
    this.#quotedLines = 0
    let at = start
    for (;;) {
      const isQuoted = this.#quote !== '' && text[at] === this.#quote
      at = isQuoted ? this.#quoted(text, at + 1, final) : this.#bare(text, at)
      if (at === NEEDS_TEXT) return NEEDS_TEXT
      if (at >= text.length) return text.length
      if (text.charCodeAt(at) === NEWLINE) return at + 1
      at++
    }
  }

  #bare(text: string, start: number): number {
    let at = start
    while (at < text.length) {
      const code = text.charCodeAt(at)
      if (code === this.#delimiterCode || code === NEWLINE) break
      at++
    }
    const crlf =
      at > start && text.charCodeAt(at) === NEWLINE && text.charCodeAt(at - 1) === CARRIAGE_RETURN
    this.#fields.push(text.slice(start, crlf ? at - 1 : at))
    return at
  }

  /** `start` is behind the opening quote; returns the index of what ends the field. */
  #quoted(text: string, start: number, final: boolean): number {
    const quote = this.#quote
    let value = ''
    let from = start
    for (;;) {
      const close = text.indexOf(quote, from)
      const piece = close === -1 ? text.slice(from) : text.slice(from, close)
      if (!this.#multiline && piece.includes('\n')) {
        this.#problem = 'a quoted field may not contain a newline where splitBytes is set'
        return text.indexOf('\n', from)
      }
      if (close === -1) {
        if (!final) return NEEDS_TEXT
        this.#problem = 'the input ends inside a quoted field'
        this.#quotedLines += newlines(piece)
        return text.length
      }
      this.#quotedLines += newlines(piece)
      value += piece
      from = close + 1
      if (from >= text.length && !final) return NEEDS_TEXT
      if (text[from] !== quote) break
      value += quote
      from++
    }
    return this.#afterQuote(text, from, value)
  }

  #afterQuote(text: string, from: number, value: string): number {
    const newline = text.charCodeAt(from) === CARRIAGE_RETURN ? from + 1 : from
    const atEnd = newline >= text.length || text.charCodeAt(newline) === NEWLINE
    this.#fields.push(value)
    if (atEnd) return newline
    if (text.charCodeAt(from) === this.#delimiterCode) return from
    this.#problem = `expected a delimiter or the end of the line after the closing quote, saw ${JSON.stringify(text[from])}`
    const end = text.indexOf('\n', from)
    return end === -1 ? text.length : end
  }

  #wrongCount(seen: number): string {
    return `expected ${this.#width} fields, saw ${seen}`
  }

  #refuse(reason: string, text: string, start: number, stop: number, cause?: unknown): void {
    const raw = shorten(text.slice(start, stop).replace(/\r?\n$/, ''))
    const line = this.line - this.#quotedLines
    this.#quotedLines = 0
    this.#bad({ reason, raw, line, ...(cause === undefined ? {} : { cause }) }, start)
  }
}

function newlines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++
  return count
}

/** One field as it is written: quoted where it must be. Null and undefined are empty. */
export function toCsvField(value: unknown, delimiter: string): string {
  if (value === null || value === undefined) return ''
  const text = typeof value === 'string' ? value : plainText(value)
  const mustQuote =
    text.includes(delimiter) || text.includes('"') || text.includes('\n') || text.includes('\r')
  return mustQuote ? `"${text.replaceAll('"', '""')}"` : text
}

function plainText(value: unknown): string {
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
