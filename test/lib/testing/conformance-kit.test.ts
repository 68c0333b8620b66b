/**
 * The checks for connector authors, tried on a connector of one's own; and that they find what is
 * wrong, with one mutant for each mistake.
 */
import t, { type Test } from 'tap'
import {
  checkSink,
  checkSource,
  checkTransactionalSink,
  type SinkTarget,
} from '../../../actors/testing/index.js'
import type {
  Sink,
  SinkContext,
  Source,
  TransactionalWriter,
} from '../../../lib/connectors/index.js'

/** What could be wrong with a table in two phases. */
interface Mistakes {
  readonly showsEarly?: boolean
  readonly commitsTwice?: boolean
  readonly forgetsOnCommit?: boolean
  readonly recoversTooMuch?: boolean
  readonly ignoresDiscard?: boolean
  readonly reverses?: boolean
  readonly losesOnSecondPrepare?: boolean
}

/** A table in another system: rows are staged under the id of a transaction, then moved. */
class Table {
  readonly rows: string[] = []
  readonly staged = new Map<string, readonly string[]>()
  readonly done = new Set<string>()
  readonly mistakes: Mistakes

  constructor(mistakes: Mistakes = {}) {
    this.mistakes = mistakes
  }

  sink(): Sink<string> {
    return {
      kind: 'table',
      label: 'table',
      guarantee: 'exactly-once',
      parallelism: null,
      settings: {},
      functions: [],
      open: (context) => new TableWriter(this, context),
    }
  }
}

class TableWriter implements TransactionalWriter<string> {
  readonly #table: Table
  readonly #context: SinkContext
  #open: string[] = []
  #transactions = 0

  constructor(table: Table, context: SinkContext) {
    this.#table = table
    this.#context = context
  }

  write(records: readonly string[]): boolean {
    this.#open.push(...records)
    return true
  }

  flush(): void {}
  async finish(): Promise<void> {}
  abort(): void {}

  async prepare(): Promise<readonly string[]> {
    const { mistakes, rows, staged } = this.#table
    const records = this.#open
    this.#open = []
    if (records.length === 0) return []
    const { run, subtask, attempt } = this.#context
    const number = this.#transactions++
    const id = `${run}/${attempt}/${subtask}/${number}`
    if (mistakes.showsEarly) rows.push(...records)
    if (mistakes.losesOnSecondPrepare && number > 0) staged.clear()
    staged.set(id, mistakes.reverses ? [...records].reverse() : records)
    return [id]
  }

  async commit(transactions: readonly string[]): Promise<void> {
    const { mistakes, rows, staged, done } = this.#table
    for (const id of transactions) {
      if (done.has(id) && !mistakes.commitsTwice) continue
      const records = staged.get(id)
      if (records === undefined) throw new Error(`transaction ${id} is gone`)
      if (!mistakes.forgetsOnCommit) done.add(id)
      if (!mistakes.commitsTwice) staged.delete(id)
      if (!mistakes.showsEarly) rows.push(...records)
    }
  }

  async discard(transactions: readonly string[]): Promise<void> {
    if (this.#table.mistakes.ignoresDiscard) return this.commit(transactions)
    for (const id of transactions) this.#table.staged.delete(id)
  }

  async recover(keep: readonly string[]): Promise<void> {
    const { mistakes, staged } = this.#table
    for (const id of staged.keys()) {
      if (mistakes.recoversTooMuch || !keep.includes(id)) staged.delete(id)
    }
  }
}

const records = Array.from({ length: 16 }, (_, n) => `record ${n}`)

const checkTable = (mistakes: Mistakes = {}) =>
  checkTransactionalSink<string>({
    records,
    target: (): SinkTarget<string> => {
      const table = new Table(mistakes)
      return { sink: () => table.sink(), shown: () => table.rows }
    },
  })

t.test('a sink of two phases that keeps the contract passes', async (t) => {
  const { laws } = await checkTable()
  t.ok(laws.length > 30)
})

const found = (t: Test, mistakes: Mistakes, law: RegExp) =>
  t.rejects(
    checkTable(mistakes),
    { code: 'E_CONFORMANCE', message: law },
    Object.keys(mistakes).join(),
  )

t.test('each mistake with transactions is found, and the broken law named', async (t) => {
  await found(t, { showsEarly: true }, /nothing before:\n {2}shown what is prepared is not shown/)
  await found(t, { commitsTwice: true }, /commits twice with the result of once/)
  await found(t, { forgetsOnCommit: true }, /nobody heard of.*\n {2}transaction .* is gone/)
  await found(t, { recoversTooMuch: true }, /keeps what another writer has yet to commit/)
  await found(t, { ignoresDiscard: true }, /withdraws what is discarded/)
  await found(t, { reverses: true }, /order of/)
  await found(t, { losesOnSecondPrepare: true }, /a round that was given up is committed/)
})

t.test('a plain sink: what is missing at the end, and who is woken after an abort', async (t) => {
  const sinkOf = (write: (record: string) => void, late?: () => void): Sink<string> => ({
    kind: 'list',
    label: 'list',
    guarantee: 'at-least-once',
    parallelism: null,
    settings: {},
    functions: [],
    open: ({ wake }) => ({
      write: (records) => {
        for (const record of records) write(record)
        return true
      },
      flush() {},
      async finish() {},
      abort() {
        if (late !== undefined) setImmediate(wake)
      },
    }),
  })
  let seen: string[] = []
  const given = { records: ['a', 'b', 'c'], output: () => seen.splice(0) }
  const fine = { ...given, expected: ['a', 'b', 'c'] }
  const push = (record: string) => void seen.push(record)
  t.ok((await checkSink({ ...fine, sink: () => sinkOf(push) })).laws.length > 2)
  seen = []
  await t.rejects(
    checkSink({ ...fine, sink: () => sinkOf((record) => record !== 'b' && push(record)) }),
    { code: 'E_CONFORMANCE', message: /flushed or not:\n.*\["a","c"\]/ },
  )
  seen = []
  await t.rejects(checkSink({ ...fine, sink: () => sinkOf(push, () => {}) }), {
    message: /wakes after an abort: expected/,
  })
})

t.test('a source: positions off by one, ids that change, reads after close', async (t) => {
  interface Off {
    readonly by?: number
    readonly ids?: boolean
    readonly open?: boolean
  }
  let listed = 0
  const sourceOf = ({ by = 0, ids = false, open = false }: Off): Source<number> => ({
    kind: 'numbers',
    label: 'numbers',
    bounded: true,
    replays: true,
    pauses: true,
    parallelism: 1,
    concurrentSplits: false,
    settings: {},
    functions: [],
    splits: async () => [{ id: ids ? `listing ${listed++}` : 'all', data: {} }],
    open: (_split, position) => {
      let next = typeof position === 'number' ? position : 0
      let isClosed = false
      return {
        read(out, max) {
          if (isClosed && !open) return 'end'
          for (let taken = 0; taken < max && next < 5; taken++) out.push(next++)
          return next < 5 ? 'more' : 'end'
        },
        position: () => (next === 0 ? null : next + by),
        close() {
          isClosed = true
        },
      }
    },
  })
  const check = (off: Off) =>
    checkSource({ source: () => sourceOf(off), expected: [0, 1, 2, 3, 4] })
  t.equal((await check({})).laws.length, 4)
  const refused = (off: Off, message: RegExp) =>
    t.rejects(check(off), { code: 'E_CONFORMANCE', message })
  await refused({ by: 1 }, /resumes at every position with exactly the rest:\n {2}all behind 1/)
  await refused({ ids: true }, /stable, distinct ids/)
  await refused({ open: true }, /read after close/)
})
