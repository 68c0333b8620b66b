/**
 * For two slots: numbers by key, counted per key. `args.poison`: the numbers at which the counting
 * subtask, or with `at: 'source'` the reading one, fails; none comes twice, for nothing is replayed.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { keyBy, map, pipeline, scan } from 'millrace'
import { generate, results } from 'millrace/connectors'

interface Args {
  /** Numbers with blanks between. */
  readonly poison: string
  readonly records: string
  readonly at?: 'source' | 'counts' | 'both' | 'exit'
  /** For 'exit': a file that is there once a thread has ended itself; it does so once. */
  readonly flag?: string
}

export default ({ poison, records, at = 'counts', flag = '' }: Args) => {
  const poisonous = poison.split(' ').map(Number)
  const check = (here: Args['at'], i: number) => {
    if (!poisonous.includes(i)) return
    if (at === 'exit' && !existsSync(flag)) {
      writeFileSync(flag, '')
      process.exit(7)
    }
    if (here === at || at === 'both') throw new Error(`poison ${i}`)
  }
  return pipeline(
    'numbers',
    (flow) =>
      flow
        .from(generate(Number(records), (i) => i, { splits: 2 }))
        .pipe(
          map((i) => {
            check('source', i)
            return i
          }),
          keyBy((i) => i % 16),
          scan((n, i) => {
            check('counts', i)
            return n + 1
          }, 0),
        )
        .to(results()),
    { guarantee: 'best-effort' },
  )
}
