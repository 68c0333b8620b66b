/**
 * A process that writes numbered lines into a sink, round after round, until it is stopped or fails:
 * `sink-writer KIND DIRECTORY ROUNDS`. It says each snapshot in JSON as soon as everything in it is
 * durable, and commits it then; or the code of the first error.
 */
import { writeSync } from 'node:fs'
import { DrivenWriter } from '../../lib/testing/driven-writer.js'
import { isSinkKind, recordsOf, sinkOf } from './durable-sinks.js'

const [kind = '', directory = '', rounds = '1'] = process.argv.slice(2)
if (!isSinkKind(kind)) throw new Error(`no kind of sink: ${kind}`)
const driven = new DrivenWriter(sinkOf(kind, directory), { run: 'first', snapshots: true })
try {
  for (let round = 1, at = 0; round <= Number(rounds); round++) {
    const to = at + 50 + (round % 7) * 20
    await driven.writeAll([recordsOf(at, to)])
    at = to
    const transactions = await driven.transactional.prepare(round)
    writeSync(1, `${JSON.stringify({ at, transactions })}\n`)
    await driven.transactional.commit(transactions)
  }
} catch (error) {
  writeSync(1, `${(error as { code: string }).code}\n`)
}
await driven.writer.abort()
