import { createHash } from 'node:crypto'
import t from 'tap'
import type { Dataset } from '../../../benchmarks/nexmark/dataset.js'
import { TSV } from '../../../benchmarks/nexmark/event-text.js'
import { Generator } from '../../../benchmarks/nexmark/generator.js'
import { EVENT_KINDS, type EventKind, kindOf } from '../../../benchmarks/nexmark/model.js'
import { PartitionOrder } from '../../../benchmarks/nexmark/partition.js'

const N = 100_000
const M: Dataset = { events: N, rate: 10_000, seed: 0, profile: 'M', outOfOrder: 1 }
const B: Dataset = { ...M, profile: 'B' }

t.test("profile B makes the events that Apache Beam's own samples show", async (t) => {
  const generator = new Generator(B)
  const { id, name, email, creditCard, city, state } = generator.person(0)
  t.same(
    [id, name, email, creditCard, city, state],
    [1000, 'Peter Jones', 'nhd@xcat.com', '7241 7320 9143 4888', 'Portland', 'WY'],
  )
  const auction = generator.auction(1)
  t.match(auction, {
    id: 1000,
    itemName: 'wkx mgee',
    description: 'eszpqxtdxrvwmmywkmogoahf',
    initialBid: 28873,
    reserve: 29448,
    seller: 1000,
    category: 13,
  })
  t.match(generator.bid(4), { auction: 1000, bidder: 1001, price: 32530001 })
})

t.test('profile M makes the golden events', async (t) => {
  const generator = new Generator(M)
  t.match(generator.person(0), {
    name: 'Deiter Bartels',
    email: 'lg aa@sbf.com',
    creditCard: '7796 6232 9816 6651',
    city: 'Phoenix',
    state: 'ID',
  })
  t.match(generator.person(50), { id: 1001, name: 'Kate Bartels' })
  t.match(generator.auction(1), {
    itemName: 'adwnwjklpxogrpv vw',
    initialBid: 484,
    reserve: 45701726,
    category: 13,
  })
  t.match(generator.bid(4), { auction: 1000, bidder: 1001, price: 5936, channel: 'Baidu' })
  t.match(generator.bid(4).url, /\/hscm\/hxm\/wpph\//)
  t.match(generator.bid(6), {
    auction: 1003,
    bidder: 1001,
    price: 14412,
    channel: 'channel-4707',
    url: 'https://www.nexmark.com/uht/giup/_ahh/item.htm?query=1&channel_id=968359936',
  })
})

t.test('the text of every event has the golden sums', async (t) => {
  t.same(sums({ ...M, rate: 1000 }), {
    person: '9a78978f2ca52992f8d91b83e62bffe3',
    auction: '303a004006808099aef774e6ee5f7729',
    bid: '7f813ce246085527ff2a75282b9059dd',
  })
  t.same(sums(M), {
    person: '5a5b0d56e8a197ac5fad3ff9db313a08',
    auction: 'bc01195bc221d34176044b6a276107fd',
    bid: 'e8184f495d6408781fa1ff38a73ddd27',
  })
  t.same(sums(B), {
    person: 'e7c46792c045c8538018e2d762607d89',
    auction: 'dcfed55d11156af8eefc9550b390dd9d',
    bid: 'bd3fac4c7ecb06524355b9ffedc6131b',
  })
})

t.test(
  'partitions share the events of the whole out among them, each in order of time',
  async (t) => {
    const small = { events: 10_030, outOfOrder: 1 }
    for (const partitions of [1, 2, 3, 8]) {
      const parts = Array.from({ length: partitions }, (_, p) => numbers(small, p, partitions))
      for (const part of parts) t.same(part, [...part].sort(ascending))
      t.same(parts.flat().sort(ascending), numbers(small, 0, 1))
      const even = parts.every(({ length }) => Math.abs(length - small.events / partitions) <= 50)
      t.ok(even, `${partitions} partitions hold equally many`)
    }
  },
)

t.test('out of order the same events come, each inside its group', async (t) => {
  for (const outOfOrder of [50, 1000]) {
    for (const partitions of [1, 3]) {
      const parts = Array.from({ length: partitions }, (_, p) =>
        numbers({ events: 10_000, outOfOrder }, p, partitions),
      )
      t.same(parts.flat().sort(ascending), numbers({ events: 10_000, outOfOrder: 1 }, 0, 1))
      for (const part of parts) {
        let newest = 0
        for (const seq of part) {
          if (newest - seq >= outOfOrder) t.fail(`${seq} came after ${newest}`)
          newest = Math.max(newest, seq)
        }
      }
    }
  }
  t.not(numbers({ events: 100, outOfOrder: 50 }, 0, 1)[1], 1)
})

t.test('a partition goes on behind any position', async (t) => {
  for (const outOfOrder of [1, 50]) {
    const all = numbers({ events: 1000, outOfOrder }, 1, 3)
    const whole = new PartitionOrder({ events: 1000, outOfOrder }, 1, 3)
    for (let at = 0; whole.next() >= 0; at++) {
      const rest = new PartitionOrder({ events: 1000, outOfOrder }, 1, 3, whole.position)
      t.equal(rest.next(), all[at + 1] ?? -1)
    }
  }
})

const ascending = (a: number, b: number): number => a - b

function numbers(
  of: { readonly events: number; readonly outOfOrder: number },
  partition: number,
  partitions: number,
): number[] {
  const order = new PartitionOrder(of, partition, partitions)
  const all: number[] = []
  for (let seq = order.next(); seq >= 0; seq = order.next()) all.push(seq)
  return all
}

function sums(dataset: Dataset): Record<EventKind, string> {
  const generator = new Generator(dataset)
  const hashes = { person: hash(), auction: hash(), bid: hash() }
  for (let seq = 0; seq < dataset.events; seq++) {
    const kind = kindOf(seq)
    hashes[kind].update(`${TSV[kind](generator.event(seq))}\n`)
  }
  const digests = EVENT_KINDS.map((kind) => [kind, hashes[kind].digest('hex')])
  return Object.fromEntries(digests) as Record<EventKind, string>
}

const hash = () => createHash('md5')
