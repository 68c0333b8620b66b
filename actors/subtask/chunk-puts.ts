/**
 * The chunks of one subtask that are encoded and not stored yet. Some are on their way, and the others wait
 * here: a link between hosts ends where too much is on its way by it, and many subtasks share it. They are
 * encoded all the same, for as long as state waits to be encoded each first change of it has to be noted.
 */

/** On their way. */
const PUTS_MAX = 4
/**
 * With those that wait: twice what is on its way. What one step encodes may come on top, about a mebibyte, or one
 * value, however large it is. Each subtask of a process may have as much.
 */
const UNSTORED_BYTES_MAX = 4 * 2 ** 20

interface Waiting {
  begin(): void
  giveUp(reason: Error): void
}

export class ChunkPuts {
  #bytes = 0
  #putting = 0
  #waiting: Waiting[] = []

  /** Caller should encode nothing more. */
  get isFull(): boolean {
    return this.#bytes >= UNSTORED_BYTES_MAX
  }

  /** `put` is called in the order of calls, at once or later; resolves, or rejects, as it does. */
  async put(bytes: number, put: () => Promise<void>): Promise<void> {
    this.#bytes += bytes
    try {
      if (this.#putting < PUTS_MAX) this.#putting++
      else {
        await new Promise<void>((begin, giveUp) => this.#waiting.push({ begin, giveUp }))
      }
      try {
        await put()
      } finally {
        this.#begin()
      }
    } finally {
      this.#bytes -= bytes
    }
  }

  /** What waits is rejected, and kept no longer; what is on its way goes on. */
  giveUp(reason: Error): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const each of waiting) each.giveUp(reason)
  }

  /** One is stored: the next may go. */
  #begin(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#putting--
    else next.begin()
  }
}
