/** The kit's checks of sinks, as tests. */
import type { Test } from 'tap'
import { checkSink, type SinkCheck } from '../../lib/testing/check-sink.js'
import { checkTransactionalSink } from '../../lib/testing/check-transactional-sink.js'
import type { TransactionalSinkCheck } from '../../lib/testing/sink-target.js'

export interface SinkCase<T> extends SinkCheck<T> {
  readonly name: string
}

export async function sinkConformance<T>(t: Test, { name, ...given }: SinkCase<T>) {
  await t.test(name, async (t) => {
    for (const law of (await checkSink(given)).laws) t.pass(law)
  })
}

export interface TransactionalSinkCase<T> extends TransactionalSinkCheck<T> {
  readonly name: string
}

export async function transactionalSinkConformance<T>(
  t: Test,
  { name, ...given }: TransactionalSinkCase<T>,
) {
  await t.test(name, async (t) => {
    for (const law of (await checkTransactionalSink(given)).laws) t.pass(law)
  })
}
