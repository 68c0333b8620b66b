/**
 * `java.util.Random`, bit by bit: a linear congruential generator of 48 bits, kept as two halves of 24
 * so that every product is an exact double.
 */
const MULTIPLIER_HIGH = 0x5de
const MULTIPLIER_LOW = 0xece66d
const INCREMENT = 0xb
const HALF = 2 ** 24
const HALF_MASK = 0xffffff
const NEXT_31 = 2 ** 31

export class JavaRandom {
  #high = 0
  #low = 0

  /** `high`, `low`: the halves of the seed's last 48 bits. */
  seed(high: number, low: number): this {
    this.#high = (high ^ MULTIPLIER_HIGH) & HALF_MASK
    this.#low = (low ^ MULTIPLIER_LOW) & HALF_MASK
    return this
  }

  /** A seed that is a whole number from 0 to 2^53. */
  seedNumber(seed: number): this {
    return this.seed(Math.floor(seed / HALF) & HALF_MASK, seed & HALF_MASK)
  }

  #step(): void {
    const low = this.#low
    const product = low * MULTIPLIER_LOW + INCREMENT
    this.#high =
      (this.#high * MULTIPLIER_LOW + low * MULTIPLIER_HIGH + Math.floor(product / HALF)) & HALF_MASK
    this.#low = product & HALF_MASK
  }

  /** Signed, 32 bits. */
  nextInt(): number {
    this.#step()
    return (this.#high << 8) | (this.#low >>> 16)
  }

  /** 0 ≤ result < `bound` < 2^31. */
  nextBelow(bound: number): number {
    let drawn = this.#next31()
    if ((bound & -bound) === bound) return Math.floor((bound * drawn) / NEXT_31)
    let result = drawn % bound
    while (drawn - result + (bound - 1) >= NEXT_31) {
      drawn = this.#next31()
      result = drawn % bound
    }
    return result
  }

  /** 0 ≤ result < 1, of 53 bits. */
  nextDouble(): number {
    this.#step()
    const first = this.#high * 4 + (this.#low >>> 22)
    this.#step()
    const second = this.#high * 8 + (this.#low >>> 21)
    return (first * 2 ** 27 + second) * 2 ** -53
  }

  /** Signed, 64 bits. */
  nextLong(): bigint {
    const high = BigInt(this.nextInt())
    return BigInt.asIntN(64, (high << 32n) + BigInt(this.nextInt()))
  }

  #next31(): number {
    this.#step()
    return this.#high * 128 + (this.#low >>> 17)
  }
}
