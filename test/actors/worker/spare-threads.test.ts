import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { SpareThreads } from '../../../actors/kernel/spare-threads.js'
import { createVirtualClock } from '../../../lib/testing/virtual-clock.js'
import { command } from '../../support/command.js'
import { slotThat } from './started-slot.js'

/** A thread that says `notice`, and ends when it is told anything else. */
class Thread {
  readonly worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
    parentPort.on('message', (told) => {
      if (told === 'notice') parentPort.postMessage(told)
      else parentPort.close()
    })`,
    { eval: true },
  )

  terminate(): Promise<unknown> {
    return this.worker.terminate()
  }
}

function spares(t: Test) {
  const clock = createVirtualClock()
  const threads: Thread[] = []
  const kept = new SpareThreads(clock, () => {
    const thread = new Thread()
    threads.push(thread)
    return thread
  })
  t.teardown(async () => {
    await kept.close()
    await Promise.all(threads.map((thread) => thread.terminate()))
  })
  return { clock, threads, kept }
}

t.test('starts as many as are wanted, when nothing has changed for a moment', (t) => {
  const { clock, threads, kept } = spares(t)
  kept.keep(2)
  clock.advance(900)
  kept.keep(1)
  clock.advance(900)
  t.equal(threads.length, 0, 'it has changed since')
  clock.advance(100)
  t.equal(threads.length, 1)
  t.end()
})

t.test('starts one at a time', (t) => {
  const { clock, threads, kept } = spares(t)
  kept.keep(3)
  const counts = [1, 2, 3, 4].map(() => {
    clock.advance(1000)
    return threads.length
  })
  t.same(counts, [1, 2, 3, 3])
  t.end()
})

t.test('starts at once what is sure to be needed, but for what is there', async (t) => {
  const { clock, threads, kept } = spares(t)
  kept.start(2)
  t.equal(threads.length, 2)
  kept.start(2)
  t.equal(threads.length, 2)
  kept.take()
  kept.start(2)
  t.equal(threads.length, 3)
  await kept.close()
  kept.start(3)
  clock.advance(10_000)
  t.equal(threads.length, 3, 'none is started any more')
})

t.test('gives each once, the oldest first, and replaces none by itself', (t) => {
  const { clock, threads, kept } = spares(t)
  kept.keep(2)
  clock.advance(2000)
  t.equal(kept.take(), threads[0])
  t.equal(kept.take(), threads[1])
  t.equal(kept.take(), null)
  clock.advance(10_000)
  t.equal(threads.length, 2)
  t.end()
})

t.test('ends those that are too many, and all of them when it is closed', async (t) => {
  const { clock, threads, kept } = spares(t)
  kept.keep(3)
  clock.advance(3000)
  for (const { worker } of threads) worker.ref()
  const ended = threads.map(({ worker }) => once(worker, 'exit'))
  kept.keep(1)
  clock.advance(1000)
  await Promise.all(ended.slice(0, 2))
  t.equal(kept.count, 1)
  await kept.close()
  await ended[2]
  kept.keep(1)
  clock.advance(1000)
  t.equal(threads.length, 3, 'none is started any more')
})

t.test('does not give one that has ended by itself', async (t) => {
  const { clock, threads, kept } = spares(t)
  kept.keep(1)
  clock.advance(1000)
  // Nothing else keeps this process alive.
  threads[0]!.worker.ref()
  const exited = once(threads[0]!.worker, 'exit')
  threads[0]!.worker.postMessage('end')
  await exited
  t.equal(kept.take(), null)
})

t.test('does not give one that has said why it dies', async (t) => {
  const { clock, threads, kept } = spares(t)
  kept.keep(1)
  clock.advance(1000)
  const { worker } = threads[0]!
  worker.ref()
  worker.postMessage('notice')
  await once(worker, 'message')
  t.equal(kept.take(), null)
})

t.test('does without where no thread can be started, until it is asked again', async (t) => {
  const clock = createVirtualClock()
  let refuses = true
  let tries = 0
  const kept = new SpareThreads(clock, () => {
    tries++
    if (refuses) throw new Error('no more threads')
    return new Thread()
  })
  t.teardown(() => kept.close())
  kept.keep(2)
  clock.advance(10_000)
  t.same([tries, kept.take()], [1, null])
  refuses = false
  kept.keep(1)
  clock.advance(1000)
  t.equal(kept.count, 1)
})

t.test('a planner that waits does not keep its process alive', async (t) => {
  const script = fileURLToPath(new URL('./only-a-planner.js', import.meta.url))
  const { ended } = command(script, [], { deadlineMs: 20_000 })
  t.match(await ended, { code: 0, signal: null, stdout: 'started' })
})

t.test('a thread that was started in advance becomes any slot', async (t) => {
  const { slot, events } = await slotThat(t, '', { index: 1, inAdvance: true })
  await slot.commands.close()
  t.same(events, [])
})
