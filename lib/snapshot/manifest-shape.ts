/**
 * Is it a manifest? A manifest whose seal is whole may still have been written by something else than
 * this program; what is restored relies on its shape.
 */

import { damagedText } from './sealed.js'

/** What is expected of a value, for a message; null where it is as expected. */
type Shape = (value: unknown, path: string) => string | null

const where = (holds: (value: unknown) => boolean, expected: string): Shape => {
  return (value, path) => (holds(value) ? null : `${path} must be ${expected}`)
}

const text = where((value) => typeof value === 'string', 'a text')
const number = where((value) => typeof value === 'number' && Number.isFinite(value), 'a number')
const count = where((value) => Number.isSafeInteger(value) && (value as number) >= 0, 'a count')
const positive = where(
  (value) => Number.isSafeInteger(value) && (value as number) >= 1,
  'a count ≥ 1',
)
const flag = where((value) => typeof value === 'boolean', 'true or false')
const sha256 = where(
  (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value),
  'a SHA-256',
)
const present = where((value) => value !== undefined, 'there')
const plain = where(isObject, 'an object')

const oneOf = (...values: readonly string[]): Shape =>
  where((value) => values.includes(value as string), values.join(' or '))

const orNull = (shape: Shape): Shape => {
  return (value, path) => (value === null ? null : shape(value, path))
}

const optional = (shape: Shape): Shape => {
  return (value, path) => (value === undefined ? null : shape(value, path))
}

const listOf = (shape: Shape): Shape => {
  return (value, path) =>
    Array.isArray(value)
      ? first(value.map((item, index) => shape(item, `${path}[${index}]`)))
      : `${path} must be a list`
}

/** Further fields may be there: a later release of the same version may have written them. */
const objectOf = (fields: Readonly<Record<string, Shape>>): Shape => {
  const entries = Object.entries(fields)
  return (value, path) =>
    isObject(value)
      ? first(entries.map(([name, shape]) => shape(value[name], `${path}.${name}`)))
      : `${path} must be an object`
}

const chunk = objectOf({ id: text, sha256, bytes: count, count })
const flight = objectOf({ id: text, sha256, bytes: count, count, shared: flag })
const split = objectOf({ id: text, data: plain, position: present })

const subtask = objectOf({
  phase: oneOf('running', 'ended', 'finished'),
  chunks: listOf(chunk),
  splits: listOf(split),
  transactions: listOf(present),
  flights: listOf(flight),
  timeMs: orNull(number),
  alignmentMs: number,
})

const operator = objectOf({
  name: text,
  kind: text,
  parallelism: positive,
  ownsKeys: optional(flag),
  subtasks: listOf(subtask),
  unassigned: orNull(objectOf({ concurrent: flag, splits: listOf(split) })),
})

const manifest = objectOf({
  kind: oneOf('checkpoint', 'savepoint'),
  round: positive,
  pipeline: text,
  run: text,
  fingerprint: text,
  startedMs: number,
  durationMs: number,
  mode: oneOf('aligned', 'unaligned', 'at-least-once'),
  maxParallelism: positive,
  operators: listOf(operator),
})

/** @throws MillraceError `E_SNAPSHOT_DAMAGED`, which says what is not as it must be. */
export function checkManifest(value: unknown, place: string): void {
  const wrong = manifest(value, 'manifest') ?? wrongParallelism(value as Sized)
  if (wrong !== null) throw damagedText(place, `is not of the shape of a manifest: ${wrong}`)
}

/** What the fields of a manifest say of each other. */
interface Sized {
  readonly operators: readonly {
    readonly name: string
    readonly parallelism: number
    readonly subtasks: readonly unknown[]
  }[]
}

function wrongParallelism({ operators }: Sized): string | null {
  const wrong = operators.find(({ parallelism, subtasks }) => subtasks.length !== parallelism)
  return wrong === undefined
    ? null
    : `operator "${wrong.name}" has ${wrong.subtasks.length} subtasks and parallelism ${wrong.parallelism}`
}

const first = (found: readonly (string | null)[]): string | null =>
  found.find((each) => each !== null) ?? null

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
