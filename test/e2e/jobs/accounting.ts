/**
 * Counts per key what a paced source gives, into part files and a plain file: what a crash loses or
 * repeats can be seen in either.
 */

import { keyBy, map, pipeline, scan } from 'millrace'
import { generate, linesFile, partFiles } from 'millrace/connectors'

export default ({ out, rows, perSecond, parallelism = '2' }: Record<string, string>) =>
  pipeline('accounting', (flow) => {
    const counted = flow
      .from(generate(Number(rows), (n) => n, { perSecond: Number(perSecond), splits: 4 }))
      .pipe(
        keyBy((n) => n % 97),
        scan((count) => count + 1, 0, { name: 'counts', parallelism: Number(parallelism) }),
        map(([key, count]) => `${key} ${count}`),
      )
    counted.to(partFiles(`${out}/parts`, { format: (line) => line, roll: { records: 5_000 } }), {
      name: 'parts',
    })
    counted.to(linesFile(`${out}/lines.txt`), { name: 'lines' })
  })
