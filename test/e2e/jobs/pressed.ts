/**
 * A fast source, counts per key, and an operator so slow that everything before it is full: what a
 * barrier that keeps its place waits for. Output as that of the accounting job, part files only. With
 * `each`, so many rows come of one record.
 */
import { keyBy, map, mergeMap, pipeline, rebalance, scan } from 'millrace'
import { generate, partFiles } from 'millrace/connectors'

const nobody = new Int32Array(new SharedArrayBuffer(4))

/** Blocks its thread, as a slow function does. */
const pause = (ms: number) => void Atomics.wait(nobody, 0, 0, ms)

/** Records between two pauses. */
const RECORDS_PER_PAUSE = 256

function* consecutive(first: number, count: number) {
  for (let i = 0; i < count; i++) yield first + i
}

export default ({ out, rows, pauseMs, each = '1' }: Record<string, string>) =>
  pipeline('pressed', (flow) => {
    let taken = 0
    const per = Number(each)
    const records = flow.from(generate(Number(rows) / per, (n) => n, { splits: 4 }))
    const numbers =
      per === 1
        ? records
        : records.pipe(mergeMap((n) => consecutive(n * per, per), { name: 'expand' }))
    numbers
      .pipe(
        keyBy((n) => n % 97),
        scan((count) => count + 1, 0, { name: 'counts' }),
        rebalance(),
        map(
          ([key, count]) => {
            if (Number(pauseMs) > 0 && ++taken % RECORDS_PER_PAUSE === 0) pause(Number(pauseMs))
            return `${key} ${count}`
          },
          { name: 'slow' },
        ),
      )
      .to(partFiles(`${out}/parts`, { format: (line) => line, roll: { records: 50_000 } }), {
        name: 'parts',
      })
  })
