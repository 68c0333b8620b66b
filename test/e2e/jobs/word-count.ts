/** Words, their counts, and the sum of the counts: two exchanges and a whole-stream aggregate. */
import { aggregate, count, keyBy, mergeMap, pipeline } from 'millrace'
import { fromArray, results } from 'millrace/connectors'

export const LINES = Array.from({ length: 300 }, (_, i) =>
  Array.from({ length: 1 + (i % 7) }, (_, j) => `word${(i * 7 + j * j * 3) % 41}`).join(' '),
)

type WordCount = readonly [word: string, n: number]

export default () =>
  pipeline('word-count', (flow) => {
    const counts = flow.from(fromArray(LINES, { splits: 5 })).pipe(
      mergeMap((line: string) => line.split(' ')),
      keyBy((word: string) => word),
      count({ name: 'words' }),
    )
    counts.to(results())
    counts
      .pipe(
        aggregate({
          create: () => ({ words: 0, total: 0 }),
          add: ({ words, total }, [, n]: WordCount) => ({ words: words + 1, total: total + n }),
          merge: (a, b) => ({ words: a.words + b.words, total: a.total + b.total }),
        }),
      )
      .to(results())
  })
