/**
 * The twenty most frequent words of some text: `npm start`, or with files of your own:
 * `npm start -- hamlet.txt macbeth.txt`.
 *
 * Without files it reads every Markdown and TypeScript file below the current folder, except what is
 * built (dist), installed (node_modules) or hidden (names that begin with a dot).
 */
import { aggregate, count, keyBy, mergeMap, pipeline } from 'millrace'
import { lines, print } from 'millrace/connectors'

const TOP = 20

/** Letters of any script, with apostrophes only inside: "don't" is a word, a lone "'" is none. */
const WORD = /\p{L}+(?:['’]\p{L}+)*/gu

type WordCount = readonly [word: string, count: number]

/** Most frequent first; equal counts in the order of the alphabet. */
const byCount = (a: WordCount, b: WordCount) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)

const best = (counts: readonly WordCount[]) => [...counts].sort(byCount).slice(0, TOP)

const table = (counts: readonly WordCount[]) =>
  counts.map(([word, n]) => `${String(n).padStart(8)}  ${word}`)

export default (args: { readonly _: readonly string[] }) =>
  pipeline('word-count', (flow) =>
    flow
      .from(lines(args._.length > 0 ? args._ : ['**/*.md', '**/*.ts', '!dist/**']))
      .pipe(
        mergeMap((line) => line.toLowerCase().match(WORD) ?? []),
        keyBy((word) => word),
        count({ name: 'words' }),
        aggregate(
          {
            create: (): readonly WordCount[] => [],
            // Sorting at twice the size keeps the cost per word low and the memory bounded.
            add: (top, word) => (top.length < 2 * TOP ? [...top, word] : best([...top, word])),
            merge: (a, b) => best([...a, ...b]),
            result: best,
          },
          { name: 'top' },
        ),
        mergeMap(table),
      )
      .to(print()),
  )
