/** What a sink does behind its input, step by step. */
import t from 'tap'
import { SinkEnd } from '../../actors/subtask/subtask-end.js'
import type { Json } from '../../lib/base/json.js'
import type { TransactionalWriter } from '../../lib/connectors/sink.js'
import { end } from '../../lib/operators/signal.js'

/** Says what it is asked for; what it prepares is there when `prepared` is called. */
function writerThatSays(said: string[]) {
  let prepared: (transactions: readonly Json[]) => void = () => {}
  const writer: TransactionalWriter<unknown> = {
    write: () => true,
    flush() {},
    async finish() {
      said.push('finish')
    },
    async abort() {},
    async recover() {},
    async discard() {},
    prepare(round) {
      said.push(`prepare ${round}`)
      return new Promise((resolve) => {
        prepared = resolve
      })
    },
    async commit(transactions) {
      said.push(`commit ${JSON.stringify(transactions)}`)
    },
  }
  return { writer, prepared: () => prepared(['a part']) }
}

function endOf(writer: TransactionalWriter<unknown>, snapshots: boolean, said: string[]): SinkEnd {
  const failed = (error: unknown) => said.push(`failed: ${error}`)
  const onAwaitsCommit = () => said.push('awaits a round')
  const owner = { round: 0, first: true, restored: null, snapshots, ready() {} }
  return new SinkEnd(writer, null, { ...owner, failed, onAwaitsCommit })
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

for (const snapshots of [false, true]) {
  const taken = snapshots ? 'taken' : 'not taken'
  t.test(`where no turn is given nothing goes on: snapshots are ${taken}`, async (t) => {
    const said: string[] = []
    const { writer, prepared } = writerThatSays(said)
    const sink = endOf(writer, snapshots, said)
    sink.signal(end)
    await settled()
    t.same(said.splice(0), ['finish'])
    sink.proceed()
    await settled()
    t.same(said.splice(0), ['prepare 1'])
    prepared()
    await settled()
    t.same(said.splice(0), snapshots ? ['awaits a round'] : [], 'to ask for a round shows nothing')
    sink.proceed()
    await settled()
    t.same(said, snapshots ? [] : ['commit ["a part"]'])
    t.equal(sink.finished, !snapshots)
    sink.proceed()
    await settled()
    t.equal(said.length, snapshots ? 0 : 1, 'and nothing twice')
  })
}
