/** What a query is run with, from the text arguments of its job module. */
import { MillraceError } from '../../lib/base/errors.js'
import { readDirectory } from './data-file.js'
import { type Dataset, PROFILES } from './dataset.js'

/** Arguments that determine a data set. */
export const DATASET_ARGUMENTS = ['events', 'rate', 'seed', 'profile', 'out-of-order'] as const

export const SINKS = ['blackhole', 'file', 'hash'] as const
export type SinkKind = (typeof SINKS)[number]

/** As given on the command line; what is missing has its default. */
export interface QueryArgs {
  readonly events?: string
  readonly rate?: string
  readonly seed?: string
  readonly profile?: string
  readonly 'out-of-order'?: string
  readonly partitions?: string
  /** Directory of a generated data set; the arguments above are then those of the data set. */
  readonly data?: string
  readonly sink?: string
  /** Directory of `sink: 'file'`. */
  readonly out?: string
  /** Events per second of the clock on the wall; default: as fast as they are taken. */
  readonly pace?: string
}

export interface QuerySettings {
  readonly dataset: Dataset
  /** Null: generated while the query runs. */
  readonly data: string | null
  readonly partitions: number
  readonly sink: SinkKind
  readonly out: string
  /** Events per second; null: unpaced. */
  readonly pace: number | null
}

export function settingsOf(args: QueryArgs): QuerySettings {
  const sink = oneOf('sink', args.sink ?? 'blackhole', SINKS)
  if (sink === 'file' && args.out === undefined) {
    throw new MillraceError('E_BAD_ARGUMENT', '--sink file needs --out, the place to write to')
  }
  return {
    ...inputOf(args),
    sink,
    out: args.out ?? '',
    pace: args.pace === undefined ? null : wholeNumber('pace', args.pace, 1, 1_000_000_000),
  }
}

/** Of a data set in files the header decides; arguments that say otherwise are an error. */
function inputOf(args: QueryArgs): Pick<QuerySettings, 'dataset' | 'data' | 'partitions'> {
  const wanted = datasetOf(args)
  const partitions = wholeNumber('partitions', args.partitions ?? '1', 1, 1024)
  if (args.data === undefined) return { dataset: wanted, data: null, partitions }
  const header = readDirectory(args.data)[0]!
  const there = { ...header.dataset, partitions: header.partitions }
  for (const name of [...DATASET_ARGUMENTS, 'partitions'] as const) {
    const field = name === 'out-of-order' ? 'outOfOrder' : name
    const seen = { ...wanted, partitions }[field]
    if (args[name] === undefined || seen === there[field]) continue
    throw new MillraceError(
      'E_BAD_ARGUMENT',
      `--${name} ${args[name]} is not what ${args.data} holds: ${there[field]}; leave it out, or generate other data`,
    )
  }
  return { dataset: header.dataset, data: args.data, partitions: header.partitions }
}

/** @throws MillraceError `E_BAD_ARGUMENT`, which names what is allowed. */
export function datasetOf(args: QueryArgs): Dataset {
  return {
    events: wholeNumber('events', args.events ?? '1000000', 0, 2 ** 40),
    rate: wholeNumber('rate', args.rate ?? '10000', 1, 1_000_000_000),
    seed: wholeNumber('seed', args.seed ?? '0', 0, 2 ** 31 - 1),
    profile: oneOf('profile', args.profile ?? 'M', PROFILES),
    outOfOrder: wholeNumber('out-of-order', args['out-of-order'] ?? '1', 1, 1_000_000),
  }
}

/** Numbers may be written `1_000_000`, `1e6`, `10k` or `1M`. */
export function wholeNumber(name: string, text: string, min: number, max: number): number {
  const match = /^(\d[\d_]*(?:\.\d+)?(?:e\d+)?)([kM]?)$/.exec(text)
  const unit = match?.[2] === 'k' ? 1e3 : match?.[2] === 'M' ? 1e6 : 1
  const value = match === null ? Number.NaN : Number(match[1]!.replaceAll('_', '')) * unit
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw new MillraceError(
    'E_BAD_ARGUMENT',
    `--${name} must be a whole number from ${min} to ${max}, like 1000000, 1e6 or 1M; it is "${text}"`,
  )
}

export function oneOf<T extends string>(name: string, text: string, allowed: readonly T[]): T {
  if ((allowed as readonly string[]).includes(text)) return text as T
  throw new MillraceError(
    'E_BAD_ARGUMENT',
    `--${name} must be one of ${allowed.join(', ')}; it is "${text}"`,
  )
}
