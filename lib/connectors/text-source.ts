/**
 * What all sources of text files have in common: options, splits, readers, positions.
 *
 * Splits: a regular file is cut into byte ranges of `splitBytes`, with ids `path:start-end`, so that
 * several subtasks read one big file; a range owns the lines that start in it (see `TextRuns`).
 * Standard input, pipes and devices are one split and cannot be read again.
 */

import { statSync } from 'node:fs'
import { MillraceError } from '../base/errors.js'
import type { Json, JsonObject } from '../base/json.js'
import type { Decoder, ReportBad } from '../formats/decoder.js'
import { type TextOptions, TextRuns } from '../formats/runs.js'
import type { ByteFeed } from './byte-feed.js'
import { FileFeed } from './file-feed.js'
import {
  assertPaths,
  expandPaths,
  type FilePaths,
  isStdin,
  type ListedFile,
  lookAt,
  pathsLabel,
  STDIN,
} from './list-files.js'
import { openStream } from './open-stream.js'
import type { Source, SourceContext, Split } from './source.js'
import { readPosition, TextReader } from './text-reader.js'

/** Options of all sources that read text files. */
export interface FileOptions extends TextOptions {
  /** Globs to leave out; same as elements that begin with `!`. */
  readonly exclude?: FilePaths
  /** Bytes per split of a regular file. Default 16 MiB; `Infinity`: one split per file. */
  readonly splitBytes?: number
}

/** Their names. */
export const FILE_OPTIONS = [
  'exclude',
  'splitBytes',
  'encoding',
  'invalid',
  'lineBytesMax',
] as const

export const SPLIT_BYTES = 16 * 1024 * 1024

/** A byte range of a file. `size` null: not a regular file, or one that does not know its size. */
export interface FileSplit {
  readonly path: string
  readonly start: number
  readonly end: number | null
  readonly size: number | null
  /** False where the range begins with a record: at 0, or behind a header. */
  readonly skipFirst: boolean
  /** Lines before `start`: those of the header; unknown, and 0, where `skipFirst`. */
  readonly line: number
}

export interface TextFormat<T> {
  readonly kind: string
  readonly settings: JsonObject
  readonly functions: readonly ((...args: never[]) => unknown)[]
  readonly splitBytes: number
  decoder(split: Split, bad: ReportBad): Decoder<T>
  /** Where the records of a file begin, and facts about it that every split needs (a header). */
  prepare?(file: ListedFile): Promise<Prepared>
}

export interface Prepared {
  readonly start: number
  readonly line: number
  readonly data: JsonObject
}

export function textSource<T>(
  paths: FilePaths,
  options: FileOptions,
  format: TextFormat<T>,
): Source<T> {
  assertPaths(format.kind, paths)
  assertOptions(format.kind, options)
  const stdin = isStdin(paths)
  return {
    kind: format.kind,
    label: `${format.kind}(${stdin ? 'stdin' : pathsLabel(paths)})`,
    bounded: true,
    replays: !stdin,
    pauses: true,
    parallelism: stdin ? 1 : null,
    concurrentSplits: false,
    settings: { ...textSettings(paths, options), ...format.settings },
    functions: format.functions,
    splits: async () => {
      if (stdin) return [{ id: STDIN, data: { ...streamSplit(STDIN) } }]
      const files = await expandPaths(format.kind, paths, options.exclude)
      const splits: Split[] = []
      for (const path of files) splits.push(...(await splitsOf(path, format)))
      return splits
    },
    open: (split, position, context) => openText(split, position, context, options, format),
  }
}

export function textSettings(paths: FilePaths, options: FileOptions): JsonObject {
  const given = Object.entries(options).filter(([, value]) => typeof value !== 'function')
  const settings = given.map(([name, value]) => [name, value === Infinity ? 'Infinity' : value])
  return { paths: paths as Json, ...Object.fromEntries(settings) }
}

function assertOptions(kind: string, { splitBytes = 1, lineBytesMax = 1 }: FileOptions): void {
  for (const [name, value] of Object.entries({ splitBytes, lineBytesMax })) {
    if (value >= 1) continue
    throw new MillraceError('E_BAD_OPTION', `${kind}: expected ${name} ≥ 1, saw ${value}`)
  }
}

const streamSplit = (path: string): FileSplit => ({
  path,
  start: 0,
  end: null,
  size: null,
  skipFirst: false,
  line: 0,
})

async function splitsOf<T>(path: string, format: TextFormat<T>): Promise<Split[]> {
  const file = await lookAt(path)
  // Files of the kernel (/proc) say 0 and have content.
  if (!file.regular || file.size === 0) return [{ id: path, data: { ...streamSplit(path) } }]
  const prepared = await format.prepare?.(file)
  const { start: first, line, data } = prepared ?? { start: 0, line: 0, data: {} }
  const splits: Split[] = []
  const bytes = Math.ceil(format.splitBytes)
  for (let start = first; start === first || start < file.size; start += bytes) {
    const end = Math.min(start + bytes, file.size)
    const skipFirst = start > first
    const before = skipFirst ? 0 : line
    const range: FileSplit = { path, start, end, size: file.size, skipFirst, line: before }
    splits.push({ id: `${path}:${start}-${end}`, data: { ...range, ...data } })
    if (end === file.size) break
  }
  return splits
}

function openText<T>(
  split: Split,
  position: Json,
  context: SourceContext,
  options: FileOptions,
  format: TextFormat<T>,
): TextReader<T> {
  const range = split.data as unknown as FileSplit
  const from = readPosition(position)
  if (from !== null && range.size === null && !isRegular(range.path)) throw notAgain(range.path)
  const start = from?.offset ?? range.start
  const skipFirst = from === null && range.skipFirst
  const name = range.path === STDIN ? 'stdin' : range.path
  const runs = new TextRuns(name, { start, skipFirst, end: range.end }, options)
  const decoder = format.decoder(split, badTextReporter(name, !range.skipFirst, runs, context))
  decoder.line = from?.line ?? range.line
  if (from !== null && from.memory !== null) decoder.recall?.(from.memory)
  return new TextReader(openFeed(range, start, context), runs, decoder, position)
}

function openFeed(range: FileSplit, start: number, context: SourceContext): ByteFeed {
  const wake = () => context.wake()
  // A regular file whose size was not known is read from a position as far as it goes.
  if (range.size === null && start === 0) return openStream(range.path, wake)
  return new FileFeed({ path: range.path, start, size: range.size }, wake)
}

function isRegular(path: string): boolean {
  return path !== STDIN && (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false)
}

/** Names file, line where lines can be counted, and byte. */
export function badTextReporter(
  name: string,
  countsLines: boolean,
  runs: TextRuns,
  context: SourceContext,
): ReportBad {
  return ({ reason, raw, line, cause }, at) => {
    const offset = runs.offsetAt(at)
    const where = countsLines ? `${name}:${line}` : `${name}@${offset}`
    const details = { file: name, offset, ...(countsLines ? { line } : {}) }
    const message = `${where} (byte ${offset}): ${reason}`
    context.badRecord(new MillraceError('E_BAD_RECORD', message, { cause, details }), raw, where)
  }
}

function notAgain(path: string): MillraceError {
  return new MillraceError(
    'E_NOT_REPLAYABLE',
    `${path} is a pipe or device: it cannot be read again from a position; read a regular file`,
    { details: { file: path } },
  )
}
