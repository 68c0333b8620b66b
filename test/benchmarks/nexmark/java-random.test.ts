import t from 'tap'
import { JavaRandom } from '../../../benchmarks/nexmark/java-random.js'
import { SeedMix } from '../../../benchmarks/nexmark/seed-mix.js'

const draw = <T>(seed: number, count: number, next: (random: JavaRandom) => T): T[] => {
  const random = new JavaRandom().seedNumber(seed)
  return Array.from({ length: count }, () => next(random))
}

t.test('draws what java.util.Random draws', async (t) => {
  t.same(
    draw(0, 4, (random) => random.nextInt()),
    [-1155484576, -723955400, 1033096058, -1690734402],
  )
  t.same(
    draw(42, 3, (random) => random.nextInt()),
    [-1170105035, 234785527, -1360544799],
  )
  t.same(
    draw(0, 8, (random) => random.nextBelow(10)),
    [0, 8, 9, 7, 5, 3, 1, 1],
  )
  t.same(
    draw(42, 8, (random) => random.nextBelow(10)),
    [0, 3, 8, 4, 0, 5, 5, 8],
  )
  t.same(
    draw(0, 1, (random) => random.nextDouble()),
    [0.730967787376657],
  )
  t.same(
    draw(42, 1, (random) => random.nextDouble()),
    [0.7275636800328681],
  )
  t.equal(new JavaRandom().seedNumber(42).nextLong(), -5025562857975149833n)
})

t.test('mixes the numbers of events as SplitMix64 does', async (t) => {
  const mix = new SeedMix(0)
  const mixed = (event: number): string => {
    mix.mix(event)
    return [mix.high, mix.low].map((half) => half.toString(16).padStart(8, '0')).join('')
  }
  t.same([0, 1, 50].map(mixed), ['e220a8397b1dcdaf', '910a2dec89025cc1', 'bb0802c412d354cb'])
})

t.test('mixes any number and seed as whole numbers of 64 bits do', async (t) => {
  const MASK = (1n << 64n) - 1n
  for (const seed of [0, 1, 7, 2 ** 31 - 1]) {
    const mix = new SeedMix(seed)
    for (const event of [0, 3, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 12345]) {
      let z = (BigInt(event) + 0x9e3779b97f4a7c15n * BigInt(seed + 1)) & MASK
      z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK
      z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK
      z ^= z >> 31n
      mix.mix(event)
      t.equal((BigInt(mix.high) << 32n) | BigInt(mix.low), z, `${event} by ${seed}`)
    }
  }
})
