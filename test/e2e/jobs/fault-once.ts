/** Does something terrible in one record, the first time or every time; else sums numbers by key. */
import { existsSync, writeFileSync } from 'node:fs'
import { keyBy, map, pipeline, rebalance, sum } from 'millrace'
import { generate, results } from 'millrace/connectors'

interface Args {
  readonly fault: keyof typeof faults
  /** Written when the fault happens. */
  readonly marker: string
  readonly every?: string
}

const AT = 300
const COUNT = 600

const faults = {
  none() {},
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

export default ({ fault, marker, every }: Args) =>
  pipeline('fault-once', (flow) =>
    flow
      .from(generate(COUNT, (i) => i, { perSecond: 2000 }))
      .pipe(
        rebalance(),
        map(
          (i: number) => {
            if (i === AT && (every !== undefined || !existsSync(marker))) {
              writeFileSync(marker, String(Date.now()))
              faults[fault]()
            }
            return i
          },
          { name: 'terrible' },
        ),
        keyBy((i: number) => i % 3),
        sum(),
      )
      .to(results()),
  )
