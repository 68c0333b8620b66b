/** Notes how late results come to a sink, and publishes that at the end. */
import {
  isTransactional,
  type Sink,
  type SinkWriter,
  type TransactionalWriter,
} from '../../lib/connectors/sink.js'
import { type Histogram, LatencyHistogram } from './latency.js'

/** What each subtask of a measured sink publishes. */
export interface Measured {
  readonly latency: Histogram
}

export function measured<T>(sink: Sink<T>): Sink<T> {
  return {
    ...sink,
    open(context) {
      const latency = new LatencyHistogram()
      const writer = sink.open(context)
      const inner: SinkWriter<T> = {
        write(records, times) {
          latency.note(times)
          return writer.write(records, times)
        },
        flush: () => writer.flush(),
        async finish() {
          await writer.finish()
          context.publish([{ latency: latency.buckets } satisfies Measured])
        },
        abort: () => writer.abort(),
      }
      return isTransactional(writer) ? Object.assign(inner, transactions(writer)) : inner
    },
  }
}

type Transactions<T> = Omit<TransactionalWriter<T>, keyof SinkWriter<T>>

const transactions = <T>(writer: TransactionalWriter<T>): Transactions<T> => ({
  prepare: (round) => writer.prepare(round),
  commit: (prepared) => writer.commit(prepared),
  discard: (prepared) => writer.discard(prepared),
  recover: (keep) => writer.recover(keep),
})
