/** The slots of a job that wait for a place, and what is told of that: once, however many of them wait. */
import type { SlotsWanted } from './protocol.js'

export class SlotWaits {
  readonly #tell: (wanted: SlotsWanted) => void
  /** What is missing, by ref. */
  readonly #missing = new Map<string, string>()
  #told: string | null = null
  #isDue = false

  constructor(tell: (wanted: SlotsWanted) => void) {
    this.#tell = tell
  }

  /** For people; null: none waits. */
  get text(): string | null {
    const wanted = this.#wanted
    return wanted === null ? null : waitsText(wanted)
  }

  /** True where none of the others waits for the same. */
  waits(ref: string, missing: string): boolean {
    this.#missing.delete(ref)
    const isNew = ![...this.#missing.values()].includes(missing)
    this.#missing.set(ref, missing)
    this.#tellSoon()
    return isNew
  }

  /** As `waits`, of what is over in a moment: who asks hears of it, and nobody else. */
  waitsBriefly(ref: string, missing: string): void {
    this.#missing.set(ref, missing)
  }

  /** It has its place, or is wanted no more. */
  isOver(ref: string): void {
    if (this.#missing.delete(ref)) this.#tellSoon()
  }

  get #wanted(): SlotsWanted | null {
    const missing = [...this.#missing.values()].at(-1)
    return missing === undefined ? null : { slots: this.#missing.size, missing }
  }

  /** What changes of several slots in one turn is one change. */
  #tellSoon(): void {
    if (this.#isDue) return
    this.#isDue = true
    queueMicrotask(() => {
      this.#isDue = false
      const [before, wanted] = [this.#told, this.#wanted]
      this.#told = wanted === null ? null : waitsText(wanted)
      if (wanted !== null && this.#told !== before) this.#tell(wanted)
    })
  }
}

export const waitsText = ({ slots, missing }: SlotsWanted): string =>
  `${slots === 1 ? '1 slot' : `${slots} slots`}: ${missing}`
