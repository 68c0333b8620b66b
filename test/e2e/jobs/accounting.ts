/**
 * Counts per key what a paced source gives, into part files, a plain file and a LevelDB: what a
 * crash loses or repeats can be seen in each.
 */

import { keyBy, map, pipeline, scan } from 'millrace'
import { generate, levelSink, linesFile, partFiles } from 'millrace/connectors'
import { type Fault, happen } from './faults.js'

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
}: Record<string, string>) =>
  pipeline(
    'accounting',
    (flow) => {
      const counts = flow
        .from(generate(Number(rows), (n) => n, { perSecond: Number(perSecond), splits: 4 }))
        .pipe(
          map((n) => {
            if (n === Number(rows) >> 1 && fault !== 'none') happen(fault as Fault, marker)
            return n
          }),
          keyBy((n) => n % Number(keys)),
          scan((count) => count + 1, 0, { name, parallelism: Number(parallelism) }),
        )
      const counted = counts.pipe(map(([key, count]) => `${key} ${count}`))
      counted.to(partFiles(`${out}/parts`, { format: (line) => line, roll: { records: 5_000 } }), {
        name: 'parts',
      })
      counted.to(linesFile(`${out}/lines.txt`), { name: 'lines' })
      counts.to(levelSink(`${out}/last`, { key: ([key]) => String(key), value: ([, n]) => n }), {
        name: 'last',
      })
    },
    { maxParallelism: Number(keyGroups) },
  )
