/**
 * The generator: any event from its number alone. It follows Apache Beam's (profile B is equal to it,
 * apart from channel and URL, which Beam does not have); the order of draws is part of what it makes.
 */
import { type Channels, channels, HOT_CHANNELS, HOT_URLS } from './channels.js'
import { type Dataset, timestampOf } from './dataset.js'
import { drawExtra, drawPrice, drawText } from './draw-text.js'
import { JavaRandom } from './java-random.js'
import {
  type Auction,
  type Bid,
  GROUP_AUCTIONS,
  GROUP_EVENTS,
  GROUP_PERSONS,
  type NexmarkEvent,
  type Person,
} from './model.js'
import { SeedMix } from './seed-mix.js'

const FIRST_ID = 1000
/** Ids so far beyond the newest are referred to. */
const LEAD = 10
const ACTIVE_PERSONS = 1000
const AUCTIONS_IN_FLIGHT = 100
/** Ids are hot in steps of so many. */
const HOT_STEP = 100
const FIRST_CATEGORY = 10
const CATEGORIES = 5
/** Events after which the auctions in flight have been replaced. */
const AUCTION_LIFE_EVENTS = Math.floor((AUCTIONS_IN_FLIGHT * GROUP_EVENTS) / GROUP_AUCTIONS)

const PERSON_BYTES = 200
const AUCTION_BYTES = 500
const BID_BYTES = 100

const STATES = ['AZ', 'CA', 'ID', 'OR', 'WA', 'WY']
const CITIES = [
  'Phoenix',
  'Los Angeles',
  'San Francisco',
  'Boise',
  'Portland',
  'Bend',
  'Redmond',
  'Seattle',
  'Kent',
  'Cheyenne',
]
const FIRST_NAMES = [
  'Peter',
  'Paul',
  'Luke',
  'John',
  'Saul',
  'Vicky',
  'Kate',
  'Julie',
  'Sarah',
  'Deiter',
  'Walter',
]
const LAST_NAMES = [
  'Shultz',
  'Abrams',
  'Spencer',
  'White',
  'Bartels',
  'Walton',
  'Smith',
  'Jones',
  'Noris',
]

/** Newest person and auction by the time of an event, counted from 0. */
const lastPerson = (seq: number): number => Math.floor(seq / GROUP_EVENTS)

function lastAuction(seq: number): number {
  const group = Math.floor(seq / GROUP_EVENTS)
  const at = seq % GROUP_EVENTS
  if (at < GROUP_PERSONS) return group * GROUP_AUCTIONS - 1
  return group * GROUP_AUCTIONS + Math.min(at - GROUP_PERSONS, GROUP_AUCTIONS - 1)
}

export class Generator {
  readonly #random = new JavaRandom()
  /** Null in profile B. */
  readonly #mix: SeedMix | null
  readonly #timestamp: (seq: number) => number
  readonly #channels: Channels = channels()

  constructor({ rate, seed, profile }: Pick<Dataset, 'rate' | 'seed' | 'profile'>) {
    this.#mix = profile === 'M' ? new SeedMix(seed) : null
    this.#timestamp = timestampOf({ rate })
  }

  event(seq: number): NexmarkEvent {
    const at = seq % GROUP_EVENTS
    if (at < GROUP_PERSONS) return this.person(seq)
    return at < GROUP_PERSONS + GROUP_AUCTIONS ? this.auction(seq) : this.bid(seq)
  }

  person(seq: number): Person {
    const random = this.#seeded(seq)
    const first = FIRST_NAMES[random.nextBelow(FIRST_NAMES.length)]!
    const name = `${first} ${LAST_NAMES[random.nextBelow(LAST_NAMES.length)]!}`
    const email = `${drawText(random, 7)}@${drawText(random, 5)}.com`
    const creditCard = drawCreditCard(random)
    const city = CITIES[random.nextBelow(CITIES.length)]!
    const state = STATES[random.nextBelow(STATES.length)]!
    const bytes = 8 + name.length + email.length + creditCard.length + city.length + state.length
    return {
      seq,
      id: lastPerson(seq) + FIRST_ID,
      name,
      email,
      creditCard,
      city,
      state,
      dateTime: this.#timestamp(seq),
      extra: drawExtra(random, bytes, PERSON_BYTES),
    }
  }

  auction(seq: number): Auction {
    const random = this.#seeded(seq)
    const dateTime = this.#timestamp(seq)
    const isHot = random.nextBelow(4) > 0
    const seller = isHot ? hot(lastPerson(seq)) : drawPerson(random, seq)
    const category = FIRST_CATEGORY + random.nextBelow(CATEGORIES)
    const initialBid = drawPrice(random)
    const horizonMs = this.#timestamp(seq + AUCTION_LIFE_EVENTS) - dateTime
    const expires = dateTime + 1 + random.nextBelow(Math.max(2 * horizonMs, 1))
    const itemName = drawText(random, 20)
    const description = drawText(random, 100)
    const reserve = initialBid + drawPrice(random)
    const bytes = 8 + itemName.length + description.length + 40
    return {
      seq,
      id: lastAuction(seq) + FIRST_ID,
      itemName,
      description,
      initialBid,
      reserve,
      dateTime,
      expires,
      seller: seller + FIRST_ID,
      category,
      extra: drawExtra(random, bytes, AUCTION_BYTES),
    }
  }

  bid(seq: number): Bid {
    const random = this.#seeded(seq)
    const isHotAuction = random.nextBelow(2) > 0
    const auction = isHotAuction ? hot(lastAuction(seq)) : drawAuction(random, seq)
    const isHotBidder = random.nextBelow(4) > 0
    const bidder = isHotBidder ? hot(lastPerson(seq)) + 1 : drawPerson(random, seq)
    const price = drawPrice(random)
    const isHotChannel = random.nextBelow(2) > 0
    const at = random.nextBelow(isHotChannel ? HOT_CHANNELS.length : this.#channels.names.length)
    return {
      seq,
      auction: auction + FIRST_ID,
      bidder: bidder + FIRST_ID,
      price,
      channel: isHotChannel ? HOT_CHANNELS[at]! : this.#channels.names[at]!,
      url: isHotChannel ? HOT_URLS[at]! : this.#channels.urls[at]!,
      dateTime: this.#timestamp(seq),
      extra: drawExtra(random, 32, BID_BYTES),
    }
  }

  #seeded(seq: number): JavaRandom {
    const mix = this.#mix
    if (mix === null) return this.#random.seedNumber(seq)
    mix.mix(seq)
    return this.#random.seed((mix.high << 8) | (mix.low >>> 24), mix.low)
  }
}

const hot = (last: number): number => last - (last % HOT_STEP)

/** One of the active persons, or of those who are yet to come. */
function drawPerson(random: JavaRandom, seq: number): number {
  const persons = lastPerson(seq) + 1
  const active = Math.min(persons, ACTIVE_PERSONS)
  return persons - active + random.nextBelow(active + LEAD)
}

/** One of the auctions in flight, or of those that are yet to come. */
function drawAuction(random: JavaRandom, seq: number): number {
  const newest = lastAuction(seq)
  const oldest = Math.max(newest - AUCTIONS_IN_FLIGHT, 0)
  return oldest + random.nextBelow(newest - oldest + 1 + LEAD)
}

const fourDigits = (random: JavaRandom): string => String(random.nextBelow(10_000)).padStart(4, '0')

const drawCreditCard = (random: JavaRandom): string =>
  `${fourDigits(random)} ${fourDigits(random)} ${fourDigits(random)} ${fourDigits(random)}`
