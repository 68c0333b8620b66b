/** Operators that have enough while a barrier is in their chain. */
import t from 'tap'
import { runHere } from '../../actors/job/run.js'
import { collect } from '../../actors/testing/index.js'
import { seededRandom } from '../../lib/base/random.js'
import { generate } from '../../lib/connectors/index.js'
import { keyBy, map, pipeline, scan, take } from '../../lib/index.js'
import { MemoryChunkStore } from '../../lib/snapshot/memory-chunk-store.js'
import { MemoryRows } from '../../lib/state/memory-rows.js'
import { textRows } from '../../lib/state/row-text.js'
import { cachedBackend } from '../../lib/state/state-backend.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'
import { decodeOwnCbor, encodeCbor } from '../../lib/wire/cbor.js'
import { live } from '../support/simulated-life.js'

/** Of the clock, until rows are there. */
const READ_MS = 25
const TIMEOUT_MS = 100_000

t.test('a job whose take has enough waits for no barrier that was lost with it', async (t) => {
  for (let count = 4_000; count < 4_400; count += 40) {
    const clock = createVirtualClock()
    class SlowRows extends MemoryRows {
      override async getMany(keys: readonly string[]) {
        await new Promise<void>((resolve) => clock.after(READ_MS, resolve))
        return super.getMany(keys)
      }
    }
    const codec = textRows({ encode: encodeCbor, decode: decodeOwnCbor })
    const ahead = { aheadBytes: 1, aheadMin: 1 }
    const rows = new SlowRows()
    const seen = collect<number>()
    const job = runHere(
      pipeline('enough', (flow) => {
        flow
          .from(generate(100_000, (n) => n, { perSecond: 20_000 }))
          .pipe(
            keyBy((n) => `k${(n * 7_919) % 4_000}`),
            scan((_, n) => n, 0, { name: 'last' }),
            map(([, n]) => n),
            take(count),
          )
          .to(seen)
      }),
      {
        stallWatch: false,
        state: 'level',
        checkpoint: { directory: 'memory', interval: 7, timeout: TIMEOUT_MS },
      },
      {
        clock,
        random: seededRandom(1),
        pick: seededRandom(1),
        openState: async () =>
          cachedBackend({ rows, codec, budgetBytes: 10_000, recent: 10, nestedMax: 4, ...ahead }),
        openStore: async () => new MemoryChunkStore(),
      },
    )
    t.equal(await live(job, clock, () => true), 'done')
    t.equal(seen.records.length, count)
    if (!t.ok(clock.now() < TIMEOUT_MS, `${count} records took ${clock.now()} ms`)) return
  }
})
