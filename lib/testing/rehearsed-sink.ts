/**
 * A job with one sink, played through call by call: what the job would store is kept as JSON, and what
 * should be seen at the target is known at every step.
 */
import type { Json } from '../base/json.js'
import { DrivenWriter } from './driven-writer.js'
import { assertSame, throughJson } from './laws.js'
import type { SinkTarget, TransactionalSinkCheck } from './sink-target.js'

interface Snapshot {
  readonly round: number
  /** Records that lie before it. */
  readonly at: number
  /** By subtask: prepared, and not known to be committed. */
  readonly transactions: readonly (readonly Json[])[]
}

export class RehearsedSink<T> {
  readonly #target: SinkTarget<T>
  readonly #records: readonly T[]
  readonly #expected: (record: T) => unknown
  readonly #parallelism: number
  #writers: DrivenWriter<T>[] = []
  #runs = 1
  #attempt = 1
  #round = 0
  #at = 0
  /** By subtask, prepared and not heard to be committed; as a subtask holds it. */
  #prepared: Json[][]
  #preparedAt = 0
  #stored: Snapshot | null = null
  /** Records before it are to be seen, beside … */
  #shownAt = 0
  /** … those whose subtask has committed alone. */
  #shownAlone: readonly T[] = []
  readonly #discarded = new Set<T>()

  constructor(target: SinkTarget<T>, check: TransactionalSinkCheck<T>, parallelism: number) {
    this.#target = target
    this.#records = check.records
    this.#expected = check.expected ?? ((record) => record)
    this.#parallelism = parallelism
    this.#prepared = Array.from({ length: parallelism }, () => [])
  }

  open(): void {
    const restored = this.#stored?.transactions.flat() ?? null
    this.#writers = Array.from(
      { length: this.#parallelism },
      (_, subtask) =>
        new DrivenWriter(this.#target.sink(), {
          subtask,
          parallelism: this.#parallelism,
          run: `run${this.#runs}`,
          attempt: this.#attempt,
          snapshots: true,
          restored,
        }),
    )
  }

  async write(count: number): Promise<void> {
    const to = Math.min(this.#records.length, this.#at + count)
    for (; this.#at < to; this.#at++) {
      await this.#writers[this.#at % this.#parallelism]!.writeAll([[this.#records[this.#at]!]])
    }
  }

  flush(): void {
    for (const { writer } of this.#writers) writer.flush()
  }

  async finish(): Promise<void> {
    for (const { writer } of this.#writers) await writer.finish()
  }

  async prepare(): Promise<readonly Json[]> {
    const round = ++this.#round
    const prepared = await Promise.all(
      this.#writers.map(({ transactional }) => transactional.prepare(round)),
    )
    for (const [subtask, transactions] of prepared.entries()) {
      this.#prepared[subtask]!.push(...transactions)
    }
    this.#preparedAt = this.#at
    return prepared.flat()
  }

  /** The snapshot is stored. */
  complete(): void {
    this.#stored = {
      round: this.#round,
      at: this.#preparedAt,
      transactions: throughJson(this.#prepared),
    }
  }

  async commit({ heard = true } = {}): Promise<void> {
    const { at } = this.#stored!
    for (const [subtask, { transactional }] of this.#writers.entries()) {
      await transactional.commit(this.#prepared[subtask]!)
      if (heard) this.#prepared[subtask] = []
    }
    this.#shown(at)
  }

  /** The first subtask commits, the others do not. */
  async commitOne(): Promise<void> {
    const { at } = this.#stored!
    await this.#writers[0]!.transactional.commit(this.#prepared[0]!)
    this.#shownAlone = this.#records
      .slice(0, at)
      .filter((_, i) => i >= this.#shownAt && i % this.#parallelism === 0)
    await this.assertShown('after the commit of one subtask')
  }

  /** What was written since the last round is prepared, and given up for good. */
  async discard(): Promise<void> {
    for (const record of this.#records.slice(this.#shownAt, this.#at)) this.#discarded.add(record)
    await this.prepare()
    for (const [subtask, { transactional }] of this.#writers.entries()) {
      const given = throughJson(this.#prepared[subtask]!)
      await transactional.discard(given)
      await transactional.discard(given)
      this.#prepared[subtask] = []
    }
    this.#shown(this.#at)
  }

  async crash(how: 'killed' | 'aborted'): Promise<void> {
    if (how === 'aborted') for (const { writer } of this.#writers) await writer.abort()
    this.#writers = []
  }

  /** As the subtasks do it: commit what the snapshot holds, clear up, and go on behind it. */
  async restart(inAnotherProcess: boolean, { recoverFirst = false } = {}): Promise<void> {
    if (inAnotherProcess) this.#runs++
    this.#attempt = inAnotherProcess ? 1 : this.#attempt + 1
    const { round, at, transactions } = this.#stored!
    // Numbers of rounds that were never stored are given again.
    if (inAnotherProcess) this.#round = round
    this.open()
    const keep = throughJson(transactions.flat())
    const recover = () => this.#writers[0]!.transactional.recover(keep)
    if (recoverFirst) await recover()
    for (const [subtask, { transactional }] of this.#writers.entries()) {
      const own = throughJson(transactions[subtask]!)
      if (own.length > 0) await transactional.commit(own)
    }
    if (!recoverFirst) await recover()
    this.#prepared = Array.from({ length: this.#parallelism }, () => [])
    this.#at = at
    this.#shown(at)
  }

  async assertShown(when: string): Promise<void> {
    const seen = await this.#target.shown()
    const expected = [...this.#records.slice(0, this.#shownAt), ...this.#shownAlone].filter(
      (record) => !this.#discarded.has(record),
    )
    this.#assertOrder(seen, expected, when)
    const failures = this.#writers.flatMap((driven) => driven.failures)
    assertSame(failures, [], `failures ${when}`)
  }

  /** The check itself went to the end. */
  async assertAll(): Promise<void> {
    assertSame(this.#shownAt, this.#records.length, 'records that were to be shown')
  }

  #shown(at: number): void {
    this.#shownAt = at
    this.#shownAlone = []
  }

  /** Exactly these, and those of each subtask in their order; subtasks may alternate as they like. */
  #assertOrder(seen: readonly unknown[], expected: readonly T[], when: string): void {
    const texts = seen.map((each) => JSON.stringify(each))
    const placeOf = new Map(texts.map((text, place) => [text, place]))
    const wanted = expected.map((record) => JSON.stringify(this.#expected(record)))
    assertSame([...texts].sort(), [...wanted].sort(), `shown ${when}`)
    const last: number[] = []
    for (const record of expected) {
      const subtask = this.#records.indexOf(record) % this.#parallelism
      const place = placeOf.get(JSON.stringify(this.#expected(record)))!
      assertSame(place > (last[subtask] ?? -1), true, `order of ${wanted[place]} ${when}`)
      last[subtask] = place
    }
  }
}
