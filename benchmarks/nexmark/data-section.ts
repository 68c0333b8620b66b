/**
 * Sections: the events of one kind in one block of a data file, in columns. Numbers and times are 32
 * bits, from a base where they need more; texts are lengths and then bytes; a bid's channel and its URL
 * are one number. Little-endian; every column is padded to 8 bytes.
 *
 * Strings are read one by one, so that a record which is kept keeps no more than itself alive.
 */
import { nativeText } from '../../lib/wire/native-text.js'
import { channels, HOT_CHANNELS, HOT_URLS } from './channels.js'
import type { Auction, Bid, EventKind, NexmarkEvent, Person } from './model.js'

const HEAD_BYTES = 24

const align8 = (bytes: number): number => (bytes + 7) & ~7

/** Columns one after another. */
class ColumnWriter {
  readonly #parts: Buffer[] = []

  head(count: number, seqBase: number, timeBaseMs: number): void {
    this.#add(Buffer.from(Float64Array.of(count, seqBase, timeBaseMs).buffer))
  }

  ints(values: readonly number[]): void {
    this.#add(Buffer.from(Int32Array.from(values).buffer))
  }

  texts(values: readonly string[]): void {
    this.#add(Buffer.from(Uint16Array.from(values, ({ length }) => length).buffer))
    this.#add(Buffer.from(values.join(''), 'latin1'))
  }

  end(): Buffer {
    return Buffer.concat(this.#parts)
  }

  #add(bytes: Buffer): void {
    this.#parts.push(bytes, Buffer.alloc(align8(bytes.length) - bytes.length))
  }
}

class ColumnReader {
  readonly #buffer: ArrayBuffer
  readonly count: number
  readonly seqBase: number
  readonly timeBaseMs: number
  #at: number

  constructor(buffer: ArrayBuffer, at: number) {
    const [count, seqBase, timeBaseMs] = new Float64Array(buffer, at, 3)
    this.#buffer = buffer
    this.#at = at + HEAD_BYTES
    this.count = count!
    this.seqBase = seqBase!
    this.timeBaseMs = timeBaseMs!
  }

  ints(): Int32Array {
    const column = new Int32Array(this.#buffer, this.#at, this.count)
    this.#at += align8(4 * this.count)
    return column
  }

  texts(): TextColumn {
    const lengths = new Uint16Array(this.#buffer, this.#at, this.count)
    const start = this.#at + align8(2 * this.count)
    let bytes = 0
    for (let i = 0; i < lengths.length; i++) bytes += lengths[i]!
    this.#at = start + align8(bytes)
    return new TextColumn(nativeText(this.#buffer), lengths, start)
  }
}

/** Hands its texts out in order. */
class TextColumn {
  readonly #text: ReturnType<typeof nativeText>
  readonly #lengths: Uint16Array
  #at: number
  #next = 0

  constructor(text: ReturnType<typeof nativeText>, lengths: Uint16Array, start: number) {
    this.#text = text
    this.#lengths = lengths
    this.#at = start
  }

  next(): string {
    const from = this.#at
    this.#at = from + this.#lengths[this.#next++]!
    return this.#text.latin1Slice(from, this.#at)
  }
}

/** The section of these events, all of one kind. */
export function encodeSection(kind: EventKind, events: readonly NexmarkEvent[]): Buffer {
  const to = new ColumnWriter()
  const seqBase = events.reduce((least, { seq }) => Math.min(least, seq), Number.MAX_SAFE_INTEGER)
  const timeBaseMs = events[0]?.dateTime ?? 0
  to.head(events.length, events.length === 0 ? 0 : seqBase, timeBaseMs)
  to.ints(events.map(({ seq }) => seq - seqBase))
  to.ints(events.map(({ dateTime }) => dateTime - timeBaseMs))
  if (kind === 'person') encodePersons(to, events as readonly Person[])
  else if (kind === 'auction') encodeAuctions(to, events as readonly Auction[], timeBaseMs)
  else encodeBids(to, events as readonly Bid[])
  to.texts(events.map(({ extra }) => extra))
  return to.end()
}

function encodePersons(to: ColumnWriter, persons: readonly Person[]): void {
  to.ints(persons.map(({ id }) => id))
  to.texts(persons.map(({ name }) => name))
  to.texts(persons.map(({ email }) => email))
  to.texts(persons.map(({ creditCard }) => creditCard))
  to.texts(persons.map(({ city }) => city))
  to.texts(persons.map(({ state }) => state))
}

function encodeAuctions(to: ColumnWriter, auctions: readonly Auction[], timeBaseMs: number): void {
  to.ints(auctions.map(({ id }) => id))
  to.texts(auctions.map(({ itemName }) => itemName))
  to.texts(auctions.map(({ description }) => description))
  to.ints(auctions.map(({ initialBid }) => initialBid))
  to.ints(auctions.map(({ reserve }) => reserve))
  to.ints(auctions.map(({ expires }) => expires - timeBaseMs))
  to.ints(auctions.map(({ seller }) => seller))
  to.ints(auctions.map(({ category }) => category))
}

function encodeBids(to: ColumnWriter, bids: readonly Bid[]): void {
  to.ints(bids.map(({ auction }) => auction))
  to.ints(bids.map(({ bidder }) => bidder))
  to.ints(bids.map(({ price }) => price))
  to.ints(bids.map(({ channel }) => channelNumbers().get(channel)!))
}

/** Appends the events of the section at `at` of `buffer`, which may be used again afterwards. */
export function decodeSection(
  kind: EventKind,
  buffer: ArrayBuffer,
  at: number,
  out: NexmarkEvent[],
): void {
  const from = new ColumnReader(buffer, at)
  if (kind === 'person') decodePersons(from, out)
  else if (kind === 'auction') decodeAuctions(from, out)
  else decodeBids(from, out)
}

function decodePersons(from: ColumnReader, out: NexmarkEvent[]): void {
  const { count, seqBase, timeBaseMs } = from
  const seqs = from.ints()
  const times = from.ints()
  const ids = from.ints()
  const names = from.texts()
  const emails = from.texts()
  const cards = from.texts()
  const cities = from.texts()
  const states = from.texts()
  const extras = from.texts()
  for (let i = 0; i < count; i++) {
    out.push({
      seq: seqBase + seqs[i]!,
      id: ids[i]!,
      name: names.next(),
      email: emails.next(),
      creditCard: cards.next(),
      city: cities.next(),
      state: states.next(),
      dateTime: timeBaseMs + times[i]!,
      extra: extras.next(),
    })
  }
}

function decodeAuctions(from: ColumnReader, out: NexmarkEvent[]): void {
  const { count, seqBase, timeBaseMs } = from
  const seqs = from.ints()
  const times = from.ints()
  const ids = from.ints()
  const itemNames = from.texts()
  const descriptions = from.texts()
  const initialBids = from.ints()
  const reserves = from.ints()
  const expiries = from.ints()
  const sellers = from.ints()
  const categories = from.ints()
  const extras = from.texts()
  for (let i = 0; i < count; i++) {
    out.push({
      seq: seqBase + seqs[i]!,
      id: ids[i]!,
      itemName: itemNames.next(),
      description: descriptions.next(),
      initialBid: initialBids[i]!,
      reserve: reserves[i]!,
      dateTime: timeBaseMs + times[i]!,
      expires: timeBaseMs + expiries[i]!,
      seller: sellers[i]!,
      category: categories[i]!,
      extra: extras.next(),
    })
  }
}

function decodeBids(from: ColumnReader, out: NexmarkEvent[]): void {
  const { count, seqBase, timeBaseMs } = from
  const { names, urls } = channelTable()
  const seqs = from.ints()
  const times = from.ints()
  const auctions = from.ints()
  const bidders = from.ints()
  const prices = from.ints()
  const channel = from.ints()
  const extras = from.texts()
  for (let i = 0; i < count; i++) {
    out.push({
      seq: seqBase + seqs[i]!,
      auction: auctions[i]!,
      bidder: bidders[i]!,
      price: prices[i]!,
      channel: names[channel[i]!]!,
      url: urls[channel[i]!]!,
      dateTime: timeBaseMs + times[i]!,
      extra: extras.next(),
    })
  }
}

interface ChannelTable {
  readonly names: readonly string[]
  readonly urls: readonly string[]
}

let table: ChannelTable | null = null
let numbers: ReadonlyMap<string, number> | null = null

/** The hot channels, then all others. */
function channelTable(): ChannelTable {
  table ??= {
    names: [...HOT_CHANNELS, ...channels().names],
    urls: [...HOT_URLS, ...channels().urls],
  }
  return table
}

function channelNumbers(): ReadonlyMap<string, number> {
  numbers ??= new Map(channelTable().names.map((name, index) => [name, index]))
  return numbers
}
