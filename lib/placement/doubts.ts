/**
 * What is believed for a while because it was seen to fail, and for longer each time that it fails again:
 * the world heals, and whoever never tries again never learns of it. Pure; times in ms of one monotonic clock.
 */

/** For so long it is believed the first time; then twice as long, and so on. */
export const DOUBT_FIRST_MS = 10_000
export const DOUBT_MAX_MS = 120_000

interface Doubt<Subject> {
  readonly subject: Subject
  readonly forMs: number
  readonly untilMs: number
}

/** By a name of their own: a handful, for each is forgotten some time after it has failed last. */
export class Doubts<Subject> {
  readonly #doubts = new Map<string, Doubt<Subject>>()

  /** It has failed. Returns how long that is believed from now on. */
  failed(name: string, subject: Subject, nowMs: number): number {
    this.#forget(nowMs)
    const before = this.#doubts.get(name)
    const again = before === undefined ? DOUBT_FIRST_MS : before.forMs * 2
    // What was said twice about one try is one failure.
    const isNew = before === undefined || nowMs >= before.untilMs
    const forMs = isNew ? Math.min(DOUBT_MAX_MS, again) : before.forMs
    this.#doubts.set(name, { subject, forMs, untilMs: nowMs + forMs })
    return forMs
  }

  /** Something new is known of these: they may do well by now. */
  renewed(isIt: (subject: Subject) => boolean): void {
    for (const [name, { subject }] of this.#doubts) if (isIt(subject)) this.#doubts.delete(name)
  }

  present(nowMs: number): readonly Subject[] {
    this.#forget(nowMs)
    return [...this.#doubts.values()]
      .filter(({ untilMs }) => nowMs < untilMs)
      .map(({ subject }) => subject)
  }

  /** Whoever has not failed again for as long as it was believed begins anew. */
  #forget(nowMs: number): void {
    for (const [name, { untilMs }] of this.#doubts) {
      if (nowMs >= untilMs + DOUBT_MAX_MS) this.#doubts.delete(name)
    }
  }
}
