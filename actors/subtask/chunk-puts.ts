/**
 * The chunks of one subtask that are encoded and not stored yet. Some are on their way, and the others wait
 * here: a link between hosts ends where too much is on its way by it, and many subtasks share it. They are
 * encoded all the same, for as long as state waits to be encoded each first change of it has to be noted.
 */

/** On their way. */
const PUTS_MAX = 4
/** With those that wait. One chunk more may come, however large it is. */
const UNSTORED_BYTES_MAX = 8 * 2 ** 20

export class ChunkPuts {
  #bytes = 0
  #putting = 0
  readonly #waiting: (() => void)[] = []

  /** Caller should encode nothing more. */
  get isFull(): boolean {
    return this.#bytes >= UNSTORED_BYTES_MAX
  }

  /** `put` is called in the order of calls, at once or later; resolves, or rejects, as it does. */
  async put(bytes: number, put: () => Promise<void>): Promise<void> {
    this.#bytes += bytes
    if (this.#putting < PUTS_MAX) this.#putting++
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      await put()
    } finally {
      this.#bytes -= bytes
      const next = this.#waiting.shift()
      if (next === undefined) this.#putting--
      else next()
    }
  }
}
