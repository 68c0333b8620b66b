/**
 * Which keys come most often: a sample of the records in a Space-Saving sketch (Metwally, Agrawal and
 * El Abbadi, 2005). Pure; a few KiB per operator, whatever the number of keys.
 *
 * The sketch holds `CAPACITY` keys. A key that is not held takes the place of one with about the
 * smallest count, and its count with it, as its possible error. So a key with more than 1/CAPACITY of the
 * sampled records is always held, and count − error never exceeds what was seen of it.
 *
 * Looking up every key would cost more than counting it, so only a sample is taken: every record at
 * first, one of 512 on average once millions have come. Each counts for as many records as one was
 * taken of, and the distances are random, so that no pattern in the input falls into step with them.
 * Counts are halved every 4 M records: what was hot long ago fades.
 */

import type { Json } from '../base/json.js'
import { type CanonicalKey, canonicalKey, flatKey } from '../base/key.js'
import type { Random } from '../base/random.js'

const CAPACITY = 256
/** Records after which one of two is taken; the distance doubles with the number of records. */
const EXACT_RECORDS = 2048
const DISTANCE_MAX = 512
/** A count may be above the smallest by so many records' weight, and is still given away. */
const SLACK = 4
/** Weight at which all counts are halved. */
const DECAY_AT = 2 ** 22
/** So many are reported, and only those with this share. */
const REPORTED_MAX = 10
export const HOT_SHARE_MIN = 0.005
/** Longer keys are cut: they are to be looked at. */
const KEY_CHARS_MAX = 128

/** At least so much of the weight of all records came with this key. */
export interface KeyWeight {
  /** The key as it can be shown anywhere: long ones cut, what JSON has no form for as text. */
  readonly key: Json
  readonly weight: number
}

export interface HotKeyWeights {
  /** Of all records; recent ones, where there were millions. */
  readonly weight: number
  /** Heaviest first. */
  readonly keys: readonly KeyWeight[]
}

export interface HotKeySketch {
  /** Takes a batch's keys into account. Cheap; never throws. */
  observe(keys: readonly unknown[]): void
  read(): HotKeyWeights
}

export function createHotKeySketch(random: Random): HotKeySketch {
  return new SpaceSaving(random)
}

class SpaceSaving implements HotKeySketch {
  readonly #random: Random
  readonly #slots = new Map<CanonicalKey, number>()
  /** By slot. */
  readonly #canonical: CanonicalKey[] = []
  readonly #keys: unknown[] = []
  readonly #counts = new Float64Array(CAPACITY)
  readonly #errors = new Float64Array(CAPACITY)
  #weight = 0
  #records = 0
  #distance = 1
  #nextDistanceAt = EXACT_RECORDS
  /** Records still to pass before the next is taken. */
  #skip = 0
  /** Where the search for a smallest count goes on, and what that count is, at least. */
  #cursor = 0
  #smallest = 0

  constructor(random: Random) {
    this.#random = random
  }

  observe(keys: readonly unknown[]): void {
    const { length } = keys
    let at = this.#skip
    while (at < length) {
      this.#add(keys[at], this.#distance)
      at += this.#distance === 1 ? 1 : 1 + Math.floor(this.#random() * (2 * this.#distance - 1))
    }
    this.#skip = at - length
    this.#records += length
    if (this.#records >= this.#nextDistanceAt && this.#distance < DISTANCE_MAX) {
      this.#distance *= 2
      this.#nextDistanceAt *= 2
    }
    if (this.#weight >= DECAY_AT) this.#decay()
  }

  read(): HotKeyWeights {
    const least = this.#weight * HOT_SHARE_MIN
    const keys: KeyWeight[] = []
    this.#keys.forEach((key, slot) => {
      const weight = this.#counts[slot]! - this.#errors[slot]!
      if (weight >= least) keys.push({ key: showKey(key), weight })
    })
    keys.sort((a, b) => b.weight - a.weight)
    return { weight: this.#weight, keys: keys.slice(0, REPORTED_MAX) }
  }

  #add(key: unknown, weight: number): void {
    this.#weight += weight
    const canonical = canonicalKey(key)
    const slot = this.#slots.get(canonical)
    if (slot !== undefined) this.#counts[slot]! += weight
    else if (this.#keys.length < CAPACITY) this.#hold(this.#keys.length, key, 0, weight)
    else {
      const evicted = this.#findSmall()
      this.#slots.delete(this.#canonical[evicted])
      this.#hold(evicted, key, this.#counts[evicted]!, weight)
    }
  }

  #hold(slot: number, key: unknown, error: number, weight: number): void {
    // A string cut out of a block would keep all of that alive.
    const own = flatKey(key)
    const canonical = canonicalKey(own)
    this.#slots.set(canonical, slot)
    this.#canonical[slot] = canonical
    this.#keys[slot] = own
    this.#errors[slot] = error
    this.#counts[slot] = error + weight
  }

  /**
   * A slot whose count is the smallest, or hardly more: with counts in steps of changing size the very
   * smallest would have to be searched for each time (measured: 1 µs, against 0.1). Counts only grow
   * between two decays, so where one was small enough, the next is not far.
   */
  #findSmall(): number {
    const enough = this.#smallest + SLACK * this.#distance
    for (let looked = 0; looked < CAPACITY; looked++) {
      const slot = this.#cursor
      this.#cursor = (slot + 1) % CAPACITY
      if (this.#counts[slot]! <= enough) return slot
    }
    for (let slot = 0; slot < CAPACITY; slot++) {
      if (this.#counts[slot]! < this.#counts[this.#cursor]!) this.#cursor = slot
    }
    this.#smallest = this.#counts[this.#cursor]!
    return this.#cursor
  }

  #decay(): void {
    this.#weight /= 2
    this.#smallest /= 2
    for (let slot = 0; slot < CAPACITY; slot++) {
      this.#counts[slot]! /= 2
      this.#errors[slot]! /= 2
    }
  }
}

function showKey(key: unknown): Json {
  if (typeof key === 'string') return cut(key)
  const text = JSON.stringify(key, (_, part: unknown) =>
    typeof part === 'bigint' || (typeof part === 'number' && !Number.isFinite(part))
      ? String(part)
      : part,
  )
  if (text === undefined) return String(key)
  return text.length <= KEY_CHARS_MAX ? (JSON.parse(text) as Json) : cut(text)
}

const cut = (text: string): string =>
  text.length <= KEY_CHARS_MAX ? text : `${text.slice(0, KEY_CHARS_MAX)}…`
