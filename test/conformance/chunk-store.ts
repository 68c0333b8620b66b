/**
 * What every chunk store must hold, as a function of a factory. Run it on a store of your own: `open`
 * gives an empty one, `reopen` the same one after it was closed.
 */
import type { Test } from 'tap'
import { seededRandom } from '../../lib/base/random.js'
import type { ChunkStore } from '../../lib/snapshot/chunk-store.js'

export interface ChunkStoreCase {
  readonly store: ChunkStore
  /** A second handle on the same store; null where it lives only as long as its handle. */
  readonly reopen: (() => Promise<ChunkStore>) | null
}

const bytesOf = (...values: number[]): Uint8Array => Uint8Array.from(values)

export function testChunkStore(t: Test, name: string, open: () => Promise<ChunkStoreCase>): void {
  const law = (
    what: string,
    test: (t: Test, store: ChunkStore, given: ChunkStoreCase) => Promise<void>,
  ): void => {
    t.test(`${name} ${what}`, async (t) => {
      const given = await open()
      t.teardown(() => given.store.close())
      await test(t, given.store, given)
    })
  }

  law('is empty at first, and says so', async (t, store) => {
    t.not(store.place, '')
    t.equal(await store.get('a'), null)
    t.equal(await store.manifest(1), null)
    t.same(await store.manifests(), [])
    t.same(await idsOf(store), [])
  })

  law('gives back the bytes of a chunk, whatever they are', async (t, store) => {
    const random = seededRandom(1)
    const sizes = [0, 1, 2, 255, 4096, 32_767, 32_768, 100_000, 3_000_000]
    const chunks = sizes.map((size) => Uint8Array.from({ length: size }, () => random() * 256))
    await Promise.all(chunks.map((bytes, i) => store.put(`run/1/${i}`, bytes)))
    for (const [i, bytes] of chunks.entries()) {
      const seen = await store.get(`run/1/${i}`)
      t.ok(seen !== null && Buffer.compare(seen, bytes) === 0, `${bytes.length} bytes`)
    }
  })

  law('stores a copy of the chunk, and nothing around it', async (t, store) => {
    for (const whole of [bytesOf(1, 2, 3, 4, 5), Buffer.from([1, 2, 3, 4, 5])]) {
      const id = whole.constructor.name
      await store.put(id, whole.subarray(1, 3))
      whole.fill(9)
      const seen = (await store.get(id))!
      t.same([...seen], [2, 3])
      seen.fill(8)
      t.same([...(await store.get(id))!], [2, 3])
    }
  })

  law('refuses to change a chunk', async (t, store) => {
    await store.put('a', bytesOf(1))
    await t.rejects(store.put('a', bytesOf(2)), { code: 'E_CHUNK_EXISTS' })
    t.same([...(await store.get('a'))!], [1])
  })

  law('takes one of two that are written at a time under one id', async (t, store) => {
    const puts = await Promise.allSettled([store.put('a', bytesOf(1)), store.put('a', bytesOf(2))])
    t.same(
      puts.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    )
    t.same([...(await store.get('a'))!], [1])
  })

  law('lists the ids of chunks, and of nothing else, in order of their bytes', async (t, store) => {
    const ids = ['b', 'a/10/x', 'a/2/x', 'A', 'a', 'a/1', 'a-1', 'a_1', 'a.1']
    await Promise.all(ids.map((id) => store.put(id, bytesOf(1))))
    await store.commit(1, bytesOf(1))
    t.same(await idsOf(store), [...ids].sort())
  })

  law('deletes chunks, and ignores those it has not', async (t, store) => {
    for (const id of ['a', 'b', 'c']) await store.put(id, bytesOf(1))
    await store.delete(['b', 'x', 'c'])
    await store.delete([])
    t.same(await idsOf(store), ['a'])
    t.equal(await store.get('b'), null)
    await store.put('b', bytesOf(2))
    t.same([...(await store.get('b'))!], [2], 'a deleted id is free again')
  })

  law('keeps manifests by number, ascending', async (t, store) => {
    for (const number of [2, 10, 1, 100]) await store.commit(number, bytesOf(number))
    t.same(await store.manifests(), [1, 2, 10, 100])
    t.same([...(await store.manifest(10))!], [10])
    t.equal(await store.manifest(3), null)
    await store.retire(2)
    await store.retire(3)
    t.same(await store.manifests(), [1, 10, 100])
    t.equal(await store.manifest(2), null)
  })

  law('refuses to change a manifest', async (t, store) => {
    await store.commit(1, bytesOf(1))
    await t.rejects(store.commit(1, bytesOf(2)), { code: 'E_CHUNK_EXISTS' })
    t.same([...(await store.manifest(1))!], [1])
  })

  law('holds chunks and manifests apart', async (t, store) => {
    await store.put('1', bytesOf(1))
    await store.commit(1, bytesOf(2))
    await store.delete(['1'])
    t.same([...(await store.manifest(1))!], [2])
    await store.retire(1)
    t.same(await store.manifests(), [])
  })

  law('carries many writers at a time', async (t, store) => {
    const numbers = Array.from({ length: 60 }, (_, i) => i + 1)
    await Promise.all(
      numbers.flatMap((n) => [
        store.put(`c/${n}`, new Uint8Array(n * 100).fill(n)),
        store.commit(n, bytesOf(n)),
        ...(n % 3 === 0 ? [store.delete([`c/${n - 100}`])] : []),
      ]),
    )
    t.same(await store.manifests(), numbers)
    for (const n of numbers) t.ok((await store.get(`c/${n}`))!.every((byte) => byte === n % 256))
  })

  law('still has everything when it was closed and opened again', async (t, store, { reopen }) => {
    if (reopen === null) return void t.pass('it lives only as long as its handle')
    await store.put('a', bytesOf(1))
    await store.put('b', bytesOf(2))
    await store.commit(3, bytesOf(3))
    await store.commit(4, bytesOf(4))
    await store.retire(3)
    await store.close()
    const again = await reopen()
    t.same(await idsOf(again), ['a', 'b'])
    t.same(await again.manifests(), [4])
    t.same([...(await again.manifest(4))!], [4])
    await t.rejects(again.commit(4, bytesOf(5)), { code: 'E_CHUNK_EXISTS' })
    await t.rejects(again.put('a', bytesOf(5)), { code: 'E_CHUNK_EXISTS' })
    await again.commit(3, bytesOf(6))
    t.same(await again.manifests(), [3, 4])
    await again.close()
  })

  law('is opened by one at a time', async (t, store, { reopen }) => {
    if (reopen === null) return void t.pass('it lives only as long as its handle')
    await t.rejects(reopen(), { code: 'E_STORE_LOCKED' })
    await t.rejects(reopen(), { code: 'E_STORE_LOCKED' }, 'also when it was tried before')
    await store.put('a', bytesOf(1))
    await store.close()
    const again = await reopen()
    t.same([...(await again.get('a'))!], [1])
    await again.close()
  })
}

export async function idsOf(store: Pick<ChunkStore, 'list'>): Promise<string[]> {
  const ids: string[] = []
  for await (const id of store.list()) ids.push(id)
  return ids
}
