/** Sources of growing text files: one endless split per file, read as `FollowFeed` says. */

import { MillraceError } from '../base/errors.js'
import type { Json } from '../base/json.js'
import { TextRuns } from '../formats/runs.js'
import { FollowFeed } from './follow-feed.js'
import { assertPaths, expandPaths, type FilePaths, isStdin, pathsLabel } from './list-files.js'
import type { Source, SourceContext, Split } from './source.js'
import { readPosition, TextReader } from './text-reader.js'
import { badTextReporter, type FileOptions, type TextFormat, textSettings } from './text-source.js'

/** Options of sources that can follow a growing file. */
export interface FollowOptions {
  /**
   * Reads on as the file grows, through rotation (rename or copytruncate); it need not exist yet.
   * The source is then unbounded. A line is handed out once its newline is there; a rotated file's
   * last line needs none. A glob is expanded once, at the start.
   */
  readonly follow?: boolean
  /** Where to begin without a snapshot. `end` cannot be replayed. Default `beginning`. */
  readonly from?: 'beginning' | 'end'
  /** How often to look where file events do not tell. Default 1,000. */
  readonly pollMs?: number
}

/** Their names. */
export const FOLLOW_OPTIONS = ['follow', 'from', 'pollMs'] as const

const POLL_MS = 1_000

export function followSource<T>(
  paths: FilePaths,
  options: FileOptions & FollowOptions,
  format: TextFormat<T>,
): Source<T> {
  assertPaths(format.kind, paths)
  if (isStdin(paths)) {
    throw new MillraceError('E_BAD_OPTION', `${format.kind}: stdin needs no follow; leave it out`)
  }
  return {
    kind: format.kind,
    label: `${format.kind}(${pathsLabel(paths)}, follow)`,
    bounded: false,
    replays: options.from !== 'end',
    pauses: true,
    parallelism: null,
    concurrentSplits: true,
    settings: { ...textSettings(paths, options), ...format.settings },
    functions: format.functions,
    splits: async () => {
      const files = await expandPaths(format.kind, paths, options.exclude)
      return files.map((path) => ({ id: path, data: { path } }))
    },
    open: (split, position, context) => openFollowed(split, position, context, options, format),
  }
}

function openFollowed<T>(
  split: Split,
  position: Json,
  context: SourceContext,
  options: FileOptions & FollowOptions,
  format: TextFormat<T>,
): TextReader<T> {
  const path = split.data.path as string
  const at = readPosition(position)
  const resume = at?.inode == null ? null : { inode: at.inode, offset: at.offset }
  const { pollMs = POLL_MS, from = 'beginning' } = options
  const feed = new FollowFeed({ path, pollMs, resume, from }, context.clock, () => context.wake())
  const runs = new TextRuns(path, { start: at?.offset ?? 0, skipFirst: false, end: null }, options)
  const decoder = format.decoder(split, badTextReporter(path, true, runs, context))
  decoder.line = at?.line ?? 0
  return new TextReader(feed, runs, decoder, position)
}
