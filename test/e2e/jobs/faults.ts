/** Terrible things that user code can do. */
import { existsSync, writeFileSync } from 'node:fs'

export type Fault = keyof typeof faults

const faults = {
  none() {},
  throw() {
    throw new Error('boom in an operator')
  },
  timer() {
    setTimeout(() => {
      throw new Error('boom in a timer')
    }, 0)
  },
  exit() {
    process.exit(3)
  },
  /** Many small objects: no single allocation jumps over V8's limit. */
  heap() {
    let hoard: unknown = null
    for (;;) hoard = { hoard, more: [1, 2, 3] }
  },
  loop: spinForEver,
}

function spinForEver(): void {
  for (let i = 0; ; i++) if (i < 0) return
}

/** Does it, and writes the time into the marker; only where there is none yet, unless it is to come each time. */
export function happen(fault: Fault, marker: string, eachTime = false): void {
  if (!eachTime && existsSync(marker)) return
  writeFileSync(marker, String(Date.now()))
  faults[fault]()
}
