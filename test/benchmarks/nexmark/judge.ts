/** Runs queries as the command line does, and compares what they wrote with the answers. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runQuery } from '../../../benchmarks/nexmark/run-query.js'
import type { Answer, Answers } from './answers.js'

/** In which way a query runs. `slots` 0: in the calling thread. */
export interface Way {
  readonly parallelism: number
  readonly slots: number
  readonly outOfOrder: number
}

export const wayText = ({ parallelism, slots, outOfOrder }: Way): string =>
  `parallelism ${parallelism}, ${slots === 0 ? 'in-thread' : `${slots} slots`}, disorder ${outOfOrder}`

export async function answerOf(query: string, { dataset }: Answers, way: Way): Promise<Answer> {
  const directory = mkdtempSync(join(tmpdir(), 'nexmark-test-'))
  const out = join(directory, 'rows.txt')
  try {
    await runQuery({
      query,
      events: `${dataset.events}`,
      rate: `${dataset.rate}`,
      seed: `${dataset.seed}`,
      'out-of-order': `${way.outOfOrder}`,
      parallelism: `${way.parallelism}`,
      slots: `${way.slots}`,
      out,
    })
    return judged(query, out)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Rows and sum of a file of canonical rows. */
export function judged(query: string, file: string): Answer {
  return answerOfRows(query, readFileSync(file, 'latin1').split('\n').slice(0, -1))
}

export function answerOfRows(query: string, lines: readonly string[]): Answer {
  const rows = query === 'q12' ? bidsPerBidder(lines) : lines
  const text = [...rows].sort().map((row) => `${row}\n`)
  const md5 = createHash('md5').update(text.join(''), 'latin1').digest('hex')
  return { rows: rows.length, md5 }
}

/** Windows of processing time fall as they may; over all of them each bid is counted once. */
function bidsPerBidder(lines: readonly string[]): string[] {
  const totals = new Map<string, number>()
  for (const line of lines) {
    const [bidder, count] = line.split('|') as [string, string]
    totals.set(bidder, (totals.get(bidder) ?? 0) + Number(count))
  }
  return [...totals].map(([bidder, total]) => `${bidder}|${total}`)
}
