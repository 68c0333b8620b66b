/**
 * What every sink must do, as a function of a factory.
 *
 * `output` says what has arrived where the sink writes, once it has finished. `slow`, where given,
 * makes a sink whose target stands still until `release`.
 */
import type { Test } from 'tap'
import type { Sink } from '../../lib/connectors/sink.js'
import { batchesOf, DrivenWriter } from '../support/sink-harness.js'

export interface SinkCase<T> {
  readonly name: string
  readonly sink: () => Sink<T>
  readonly records: readonly T[]
  readonly output: () => unknown | Promise<unknown>
  readonly expected: unknown
  /** What is there after the same records were written by two attempts. */
  readonly expectedTwice: unknown
  readonly slow?: { readonly sink: () => Sink<T>; readonly release: () => void }
}

/** A writer that stands still must say false before it was given this many batches. */
const BATCHES_MAX = 100_000

export async function sinkConformance<T>(t: Test, given: SinkCase<T>): Promise<void> {
  const { name, sink, records } = given
  await t.test(name, async (t) => {
    await t.test('has everything when finish resolves, flushed or not', async (t) => {
      const driven = new DrivenWriter(sink())
      await driven.writeAll(batchesOf(records.slice(0, 1), 1))
      driven.writer.flush()
      await driven.writeAll(batchesOf(records.slice(1), 3))
      await driven.writer.finish()
      t.same(await given.output(), given.expected)
      t.same(driven.failures, [])
    })

    await t.test('after a restart holds what its guarantee says', async (t) => {
      const driven = new DrivenWriter(sink(), { attempt: 2 })
      await driven.writeAll(batchesOf(records, 2))
      await driven.writer.finish()
      t.same(await given.output(), given.expectedTwice)
    })

    await t.test('can be aborted at any time, and wakes and fails nobody afterwards', async (t) => {
      const fresh = new DrivenWriter(sink())
      fresh.writer.abort()
      const used = new DrivenWriter(sink())
      used.writer.write(records)
      used.writer.flush()
      used.writer.abort()
      const wakes = used.wakes
      for (let turn = 0; turn < 20; turn++) await new Promise((done) => setImmediate(done))
      t.same(fresh.failures, [])
      t.same(used.failures, [])
      t.equal(used.wakes, wakes)
    })

    if (given.slow !== undefined) {
      const { sink: slow, release } = given.slow
      await t.test(
        'says false while its target stands still, and wakes once it moves',
        async (t) => {
          const driven = new DrivenWriter(slow())
          let batches = 0
          while (driven.writer.write(records)) {
            if (++batches > BATCHES_MAX) throw new Error('takes without bound')
          }
          t.equal(driven.wakes, 0, 'no wake while nothing moves')
          release()
          await driven.writeAll([records])
          await driven.writer.finish()
          t.same(driven.failures, [])
          t.ok(driven.wakes > 0)
        },
      )
    }
  })
}
