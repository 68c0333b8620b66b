/**
 * The decoder contract: from text to records.
 *
 * A decoder is pure: it neither reads nor waits. It is given text that begins where a record begins
 * and ends with a whole line (`TextRuns` sees to both), and is called again where it stopped.
 */

import type { Json } from '../base/json.js'

/** Says that a piece of the input is no record. `at` is where the piece begins in the text. */
export type ReportBad = (problem: BadText, at: number) => void

export interface BadText {
  readonly reason: string
  readonly raw: string
  /** Line on which the piece begins, counted from 1 at the start of the split. */
  readonly line: number
  readonly cause?: unknown
}

export interface Decoder<out T> {
  /** Lines consumed so far; part of the position, so that a resumed reader names lines correctly. */
  line: number
  /**
   * What it has learnt from the first records and needs for later ones; part of the position too. Null
   * or missing: nothing.
   */
  readonly memory?: Json
  /** Called at most once, before `decode`, with the memory of the decoder that read what came before. */
  recall?(memory: Json): void
  /**
   * Appends at most `max` records of `text` from index `at` on, and returns where the next record
   * begins. It stops before the end of the text only when it has appended `max` records, or when a
   * record needs text that follows; with `final`, nothing follows and all must be consumed.
   */
  decode(text: string, at: number, final: boolean, out: T[], max: number): number
}

/** Bad text quoted in messages and dead letters is cut to this many characters. */
export const RAW_CHARS_MAX = 500

export const shorten = (raw: string): string =>
  raw.length <= RAW_CHARS_MAX ? raw : `${raw.slice(0, RAW_CHARS_MAX)}…`
