/** Which threads a node's slots run in. */
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'
import t from 'tap'
import type { RemoteSetup } from '../../actors/node/protocol.js'
import { ThreadGround } from '../../actors/node/slot-ground.js'
import { SLOT_MEMORY_MB } from '../../actors/worker/protocol.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'

const setupWith = (memoryMb: number) =>
  ({
    slot: 0,
    settings: { memoryBytesMax: memoryMb * 2 ** 20 },
    stallMs: null,
  }) as RemoteSetup

t.test('slots of the default memory run in threads that were there before', async (t) => {
  const clock = createVirtualClock()
  const ground = new ThreadGround(clock)
  const workers: Worker[] = []
  const note = (worker: Worker) => workers.push(worker)
  process.on('worker', note)
  t.teardown(() => process.off('worker', note))
  const started = async () => {
    await new Promise(setImmediate)
    return workers.length
  }

  ground.expect(100)
  clock.advance(60_000)
  const spares = Math.min(4, availableParallelism())
  t.equal(await started(), spares, 'no more than are of use')

  const usual = ground.open(setupWith(SLOT_MEMORY_MB))
  t.equal(await started(), spares, 'it has taken one of them')
  const other = ground.open(setupWith(SLOT_MEMORY_MB - 1))
  t.equal(await started(), spares + 1, 'their limits are not its own')

  // Those that wait do not keep this process alive.
  const waiting = workers.slice(1, spares)
  for (const worker of waiting) worker.ref()
  const ended = Promise.all(waiting.map((worker) => once(worker, 'exit')))
  await ground.close()
  await ended
  const late = ground.open(setupWith(SLOT_MEMORY_MB))
  t.equal(await started(), spares + 2, 'none is left')
  await Promise.all([usual, other, late].map((slot) => slot.commands.close()))
})
