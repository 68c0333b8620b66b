/**
 * Counts per key what a paced source gives, into part files, a plain file and a LevelDB: what a crash
 * loses or repeats can be seen in each. The files have a line `key count n` for each number n that was
 * counted: what came out of order in front of the counts can be seen, too.
 *
 * `ballast`: so many characters more are kept per key, and change with each number: snapshots are as large as a
 * test likes.
 */

import { filter, keyBy, map, pipeline, scan } from 'millrace'
import { blackhole, generate, levelSink, linesFile, partFiles } from 'millrace/connectors'
import { type Fault, happen } from './faults.js'

/** How many of its key there were, up to the number n. */
interface Counted {
  readonly count: number
  readonly n: number
}

const NOTHING: Counted = { count: 0, n: -1 }

export const SPLITS = 4

export default ({
  out,
  rows,
  perSecond,
  parallelism = '2',
  name = 'counts',
  keyGroups = '128',
  keys = '97',
  fault = 'none',
  marker = '',
  ballast = '0',
}: Record<string, string>) =>
  pipeline(
    'accounting',
    (flow) => {
      const byKey = flow
        .from(generate(Number(rows), (n) => n, { perSecond: Number(perSecond), splits: SPLITS }))
        .pipe(
          map((n) => {
            if (n === Number(rows) >> 1 && fault !== 'none') happen(fault as Fault, marker)
            return n
          }),
          keyBy((n) => n % Number(keys)),
        )
      const counts = byKey.pipe(
        scan(({ count }: Counted, n) => ({ count: count + 1, n }), NOTHING, {
          name,
          parallelism: Number(parallelism),
        }),
      )
      // As many as there are of the counts: records would be dealt out in turn, and their order lost.
      const counted = counts.pipe(
        map(([key, { count, n }]) => `${key} ${count} ${n}`, { parallelism: Number(parallelism) }),
      )
      counted.to(partFiles(`${out}/parts`, { format: (line) => line, roll: { records: 5_000 } }), {
        name: 'parts',
      })
      counted.to(linesFile(`${out}/lines.txt`), { name: 'lines' })
      const last = levelSink<readonly [number, Counted]>(`${out}/last`, {
        key: ([key]) => String(key),
        value: ([, { count }]) => count,
      })
      counts.to(last, { name: 'last' })
      if (ballast === '0') return
      const heavy = { name: 'ballast', parallelism: Number(parallelism) }
      byKey
        .pipe(
          scan((_, n) => `${n}`.padStart(Number(ballast)), '', heavy),
          filter(() => false),
        )
        .to(blackhole(), { name: 'nowhere' })
    },
    { maxParallelism: Number(keyGroups) },
  )
