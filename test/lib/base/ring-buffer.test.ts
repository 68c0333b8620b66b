import t from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import { RingBuffer } from '../../../lib/base/ring-buffer.js'

t.test('gives back what it took, in order, through any mix of pushes and shifts', (t) => {
  const random = seededRandom(7)
  const ring = new RingBuffer<number>(100)
  const model: number[] = []
  for (let step = 0; step < 10_000; step++) {
    // Drifts between empty and full, so that it grows, wraps and refuses.
    const isFilling = Math.floor(step / 500) % 2 === 0
    if (random() < (isFilling ? 0.7 : 0.3)) {
      const isTaken = ring.push(step)
      if (isTaken !== model.length < 100) t.fail('refuses exactly when it is full')
      if (isTaken) model.push(step)
    } else if (ring.shift() !== model.shift()) t.fail(`lost its order at step ${step}`)
    if (ring.size !== model.length) t.fail('size is what waits')
  }
  t.strictSame(ring.toArray(), model)
  t.equal(ring.at(0), model[0])
  t.equal(ring.at(model.length), undefined, 'nothing behind the last')
  t.equal(ring.at(-1), undefined, 'nothing before the first')
  t.end()
})

t.test('holds exactly its capacity, also where that is no power of two', (t) => {
  const ring = new RingBuffer<string>(3)
  t.strictSame(
    ['a', 'b', 'c', 'd'].map((element) => ring.push(element)),
    [true, true, true, false],
  )
  t.strictSame(ring.toArray(), ['a', 'b', 'c'])
  t.throws(() => new RingBuffer(0), /room for at least one/)
  t.end()
})

t.test('keeps undefined as an element', (t) => {
  const ring = new RingBuffer<undefined>(2)
  ring.push(undefined)
  t.equal(ring.size, 1)
  ring.shift()
  t.equal(ring.size, 0)
  t.end()
})

t.test('serves any element first, and keeps all others', (t) => {
  const ring = new RingBuffer<number>(8)
  for (let element = 0; element < 5; element++) ring.push(element)
  ring.swapToFront(3)
  t.equal(ring.shift(), 3)
  t.strictSame(ring.toArray().sort(), [0, 1, 2, 4])
  t.throws(() => ring.swapToFront(4), /only what waits/)
  ring.clear()
  t.equal(ring.size, 0)
  t.equal(ring.shift(), undefined)
  t.end()
})
