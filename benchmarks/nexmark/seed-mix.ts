/**
 * Profile M's seeds: the number of an event through the finalizer of SplitMix64 (Steele, Lea, Flood,
 * 2014). `java.util.Random` of consecutive seeds begins with nearly the same number for long stretches;
 * of mixed seeds it does not.
 */
const GAMMA = 0x9e3779b97f4a7c15n
const MASK = 0xffff_ffff
const WORD = 2 ** 32

/** Writes its result into fields: two halves of 32 bits, unsigned, and no object per event. */
export class SeedMix {
  high = 0
  low = 0
  readonly #offsetHigh: number
  readonly #offsetLow: number

  constructor(seed: number) {
    const offset = BigInt.asUintN(64, GAMMA * BigInt(seed + 1))
    this.#offsetHigh = Number(offset >> 32n)
    this.#offsetLow = Number(offset & BigInt(MASK))
  }

  /** `event`: 0 ≤ event < 2^53. */
  mix(event: number): void {
    const low = this.#offsetLow + (event >>> 0)
    this.low = low >>> 0
    this.high = (this.#offsetHigh + Math.floor(event / WORD) + (low > MASK ? 1 : 0)) >>> 0
    this.#xorShift(30)
    this.#multiply(0xbf58476d, 0x1ce4e5b9)
    this.#xorShift(27)
    this.#multiply(0x94d049bb, 0x133111eb)
    this.#xorShift(31)
  }

  /** z ^= z >>> bits, 0 < bits < 32. */
  #xorShift(bits: number): void {
    const { high, low } = this
    this.low = (low ^ ((low >>> bits) | (high << (32 - bits)))) >>> 0
    this.high = (high ^ (high >>> bits)) >>> 0
  }

  /** The low 64 bits of the product. */
  #multiply(byHigh: number, byLow: number): void {
    const { high, low } = this
    const a0 = low & 0xffff
    const a1 = low >>> 16
    const b0 = byLow & 0xffff
    const b1 = byLow >>> 16
    const low0 = a0 * b0
    const middle = a1 * b0 + (low0 >>> 16)
    const middle2 = a0 * b1 + (middle & 0xffff)
    const carry = a1 * b1 + Math.floor(middle / 65536) + (middle2 >>> 16)
    this.low = Math.imul(low, byLow) >>> 0
    this.high = (carry + Math.imul(low, byHigh) + Math.imul(high, byLow)) >>> 0
  }
}
