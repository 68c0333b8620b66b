/** Sinks that write to a disk, of numbered lines, and what is in them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openLevel } from '../../lib/base/level.js'
import { levelSink, linesFile, partFiles, type Sink } from '../../lib/connectors/index.js'

export const SINKS = ['linesFile', 'partFiles', 'levelSink'] as const
export type SinkKind = (typeof SINKS)[number]

export const isSinkKind = (kind: string): kind is SinkKind =>
  (SINKS as readonly string[]).includes(kind)

const PADDING = 'x'.repeat(90)

export const recordsOf = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${String(from + i).padStart(8, '0')} ${PADDING}`)

export function sinkOf(kind: SinkKind, directory: string): Sink<string> {
  switch (kind) {
    case 'linesFile':
      return linesFile(join(directory, 'lines.txt'))
    case 'partFiles':
      return partFiles<string>(join(directory, 'parts'), { format: 'lines', roll: { records: 40 } })
    case 'levelSink':
      return levelSink<string>(join(directory, 'db'), { key: (line) => line.slice(0, 8) })
  }
}

/** In order. */
export async function contentOf(kind: SinkKind, directory: string): Promise<readonly string[]> {
  switch (kind) {
    case 'linesFile':
      return linesIn(join(directory, 'lines.txt'))
    case 'partFiles':
      return readdirSync(join(directory, 'parts'))
        .filter((name) => !name.startsWith('.'))
        .sort()
        .flatMap((name) => linesIn(join(directory, 'parts', name)))
    case 'levelSink': {
      const sizes = { writeBufferBytes: 1 << 20, fileBytesMax: 1 << 20 }
      const db = await openLevel(join(directory, 'db'), false, sizes)
      const values = await db.values({ gte: '\u0001' }).all()
      await db.close()
      return values.map((value) => JSON.parse(Buffer.from(value).toString()) as string)
    }
  }
}

const linesIn = (path: string): string[] =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []
