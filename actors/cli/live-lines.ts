/**
 * Lines at the bottom of the terminal that are repainted in place.
 *
 * Workers write to the same terminal at any time, from other threads. So nothing is cleared before
 * and painted again after their output; instead the terminal is told to scroll only the rows above the
 * live lines (DECSTBM, as in ECMA-48 terminals since the VT100), and the cursor is put back where
 * the output stands. Each call is a single write.
 */
export interface TerminalOutput {
  readonly rows: number
  readonly columns: number
  write(text: string): unknown
}

const SAVE = '\x1b7'
const RESTORE = '\x1b8'
const scrollRows = (last: number) => `\x1b[1;${last}r`
const SCROLL_ALL = '\x1b[r'
const ERASE_BELOW = '\x1b[J'
const beginLine = (row: number) => `\x1b[${row};1H\x1b[2K`

export class LiveLines {
  readonly #terminal: TerminalOutput
  readonly #height: number
  /** Rows of the terminal for which the scroll region was set; 0: none is. */
  #rows = 0

  /** `height`: number of lines, well below the terminal's. */
  constructor(terminal: TerminalOutput, height: number) {
    this.#terminal = terminal
    this.#height = height
  }

  /** Shows `lines`, `height` of them at most, each no wider than the terminal. */
  paint(lines: readonly string[]): void {
    const { rows } = this.#terminal
    const begin = this.#rows === rows ? '' : this.#end() + this.#begin(rows)
    const top = rows - this.#height + 1
    const painted = Array.from(
      { length: this.#height },
      (_, i) => beginLine(top + i) + (lines[i] ?? ''),
    )
    this.#terminal.write(`${begin}${SAVE}${painted.join('')}${RESTORE}`)
  }

  /** Removes the lines and gives the terminal back as it was. May be called twice. */
  stop(): void {
    const end = this.#end()
    if (end !== '') this.#terminal.write(end)
  }

  /** Makes room below the cursor first, so that it stands within the rows that scroll. */
  #begin(rows: number): string {
    this.#rows = rows
    const room = `${'\n'.repeat(this.#height)}\x1b[${this.#height}A`
    return `${room}${SAVE}${scrollRows(rows - this.#height)}${RESTORE}`
  }

  #end(): string {
    if (this.#rows === 0) return ''
    this.#rows = 0
    return `${SAVE}${SCROLL_ALL}${RESTORE}${ERASE_BELOW}`
  }
}
