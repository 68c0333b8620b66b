/** Fills a disk with a file. */
import { appendFileSync } from 'node:fs'

const PIECE = Buffer.alloc(16 * 1024)

/** Until no more goes; the code of what the system says then. */
export function fillUp(file: string): string | undefined {
  try {
    for (;;) appendFileSync(file, PIECE)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}
