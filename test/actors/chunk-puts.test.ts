import t from 'tap'
import { ChunkPuts } from '../../actors/subtask/chunk-puts.js'

const MEBIBYTE = 2 ** 20

/** Puts that end when they are told to. */
function putsByHand() {
  const puts = new ChunkPuts()
  const begun: number[] = []
  const ends: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = []
  const put = (n: number, bytes: number): Promise<void> =>
    puts.put(bytes, () => {
      begun.push(n)
      return new Promise((resolve, reject) => {
        ends[n] = { resolve, reject }
      })
    })
  return { puts, begun, ends, put }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('four chunks are on their way at a time, the others follow in their order', async (t) => {
  const { begun, ends, put } = putsByHand()
  const all = Array.from({ length: 7 }, (_, n) => put(n, 1))
  t.same(begun, [0, 1, 2, 3], 'at once')
  ends[2]!.resolve()
  await all[2]
  await settled()
  t.same(begun, [0, 1, 2, 3, 4])
  ends[0]!.reject(new Error('no room'))
  await t.rejects(all[0]!, { message: 'no room' })
  await settled()
  t.same(begun, [0, 1, 2, 3, 4, 5], 'behind one that failed, too')
  for (const n of [1, 3, 4, 5]) ends[n]!.resolve()
  await settled()
  ends[6]!.resolve()
  await Promise.all(all.slice(1))
  void put(7, 1)
  t.equal(begun.at(-1), 7, 'and the next goes at once again')
})

t.test('it is full once four mebibytes are not stored, those that wait among them', async (t) => {
  const { puts, ends, put } = putsByHand()
  const all = Array.from({ length: 8 }, (_, n) => {
    t.notOk(puts.isFull, `${n} chunks`)
    return put(n, MEBIBYTE / 2)
  })
  t.ok(puts.isFull)
  ends[1]!.resolve()
  await all[1]
  t.notOk(puts.isFull)
  void put(8, 256 * MEBIBYTE)
  t.ok(puts.isFull, 'one more may be large')
})

t.test('chunks that wait are not kept once they are given up', async (t) => {
  const { puts, begun, ends, put } = putsByHand()
  const all = Array.from({ length: 8 }, (_, n) => put(n, MEBIBYTE / 2))
  t.ok(puts.isFull)
  puts.giveUp(new Error('given up'))
  for (const waiting of all.slice(4)) await t.rejects(waiting, { message: 'given up' })
  t.notOk(puts.isFull, 'what is on its way is half of what may be')
  const next = put(8, 1)
  for (const n of [0, 1, 2, 3]) ends[n]!.resolve()
  await settled()
  t.same(begun, [0, 1, 2, 3, 8])
  ends[8]!.resolve()
  await Promise.all([...all.slice(0, 4), next])
})
