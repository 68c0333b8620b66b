/** Fills one state of an operator with rows from outside, and believes none of them. */
import { MillraceError } from '../base/errors.js'
import { keyGroupOf } from '../base/key.js'
import type { GraphNode } from '../graph/graph.js'
import type { StateStore } from '../state/state.js'

/** What is given one by one, or waited for: a table that is read from a database. */
export type GivenRows<Row> = Iterable<Row> | AsyncIterable<Row>

/**
 * What one state is to hold. Of `reducing` and `aggregating` it is what has been folded so far: the reduced
 * value, the accumulator. `single` is the value of an operator without keys; an `operatorList` is dealt out
 * to the subtasks, `broadcast` is told whole to each.
 */
export type StateContent =
  | {
      readonly kind: 'value' | 'reducing' | 'aggregating'
      readonly rows: GivenRows<readonly [key: unknown, value: unknown]>
    }
  | {
      readonly kind: 'list'
      readonly rows: GivenRows<readonly [key: unknown, elements: Iterable<unknown>]>
    }
  | {
      readonly kind: 'map'
      readonly rows: GivenRows<
        readonly [key: unknown, entries: Iterable<readonly [mapKey: unknown, value: unknown]>]
      >
    }
  | { readonly kind: 'single'; readonly value: unknown }
  | { readonly kind: 'operatorList'; readonly rows: GivenRows<unknown> }
  | {
      readonly kind: 'broadcast'
      readonly rows: GivenRows<readonly [mapKey: unknown, value: unknown]>
    }

export interface FillPlace {
  readonly operator: GraphNode
  readonly state: string
  /** The operator stands behind `keyBy`. */
  readonly keyedIn: boolean
  readonly maxParallelism: number
}

type Kind = StateContent['kind']

/** Puts one row; false where that place is taken. */
type PutRow = (key: unknown, value: unknown) => boolean

/**
 * @throws MillraceError `E_NO_STATE`, `E_BAD_ARGUMENT`, `E_BAD_KEY`, `E_DUPLICATE_KEY`, with operator
 * and state.
 */
export async function fillState(
  store: StateStore,
  content: StateContent,
  place: FillPlace,
): Promise<void> {
  checkDeclared(place, content.kind)
  switch (content.kind) {
    case 'single':
      return store.single(place.state).set(content.value)
    case 'operatorList': {
      const list = store.operatorList(place.state)
      for await (const value of rowsOf(content.rows, place)) list.append(value)
      return
    }
    case 'broadcast': {
      const map = store.broadcast(place.state)
      return putAll(content.rows, place, unlessThere(map.has.bind(map), map.set.bind(map)))
    }
    default:
      return putAll(content.rows, place, keyedPut(store, content.kind, place))
  }
}

function keyedPut(store: StateStore, kind: Kind, place: FillPlace): PutRow {
  const groupOf = (key: unknown) => keyGroup(key, place)
  if (kind === 'list') {
    const list = store.list(place.state)
    return (key, elements) => {
      const group = groupOf(key)
      if (list.length(group, key) > 0) return false
      list.replace(group, key, [...iterable(elements, 'the elements of a list', place)])
      return true
    }
  }
  if (kind === 'map') {
    const map = store.map(place.state)
    return (key, entries) => {
      const group = groupOf(key)
      if (map.count(group, key) > 0) return false
      for (const entry of iterable(entries, 'the entries of a map', place)) {
        const [mapKey, value] = pair(entry, place)
        if (map.has(group, key, mapKey)) throw duplicate(mapKey, place, key)
        map.set(group, key, mapKey, value)
      }
      return true
    }
  }
  // What is folded is kept as a value.
  if (kind !== 'value' && kind !== 'reducing' && kind !== 'aggregating') throw badKind(kind, place)
  const values = store.value(place.state)
  return (key, value) => {
    const group = groupOf(key)
    if (values.has(group, key)) return false
    values.set(group, key, value)
    return true
  }
}

const unlessThere =
  (has: (key: unknown) => boolean, set: (key: unknown, value: unknown) => void): PutRow =>
  (key, value) => {
    if (has(key)) return false
    set(key, value)
    return true
  }

async function putAll(rows: GivenRows<unknown>, place: FillPlace, put: PutRow): Promise<void> {
  for await (const row of rowsOf(rows, place)) {
    const [key, value] = pair(row, place)
    let isPut: boolean
    try {
      isPut = put(key, value)
    } catch (error) {
      throw located(error, place)
    }
    if (!isPut) throw duplicate(key, place, null)
  }
}

/** What an operator keeps without keys lies in group 0, under the key `undefined`. */
function keyGroup(key: unknown, { keyedIn, maxParallelism, operator, state }: FillPlace): number {
  if (keyedIn) return keyGroupOf(key, maxParallelism)
  if (key === undefined) return 0
  throw new MillraceError(
    'E_BAD_KEY',
    `it has the key ${shown(key)}, but the operator does not stand behind keyBy: its value is a 'single'`,
    { details: { operator: operator.name, state } },
  )
}

/** Of a process function it is known what it declares. */
function checkDeclared({ operator, state }: FillPlace, kind: Kind): void {
  const declared = operator.settings.state as Readonly<Record<string, string>> | undefined
  if (declared === undefined) return
  const named = Object.entries(declared).map(([name, text]) => `"${name}" (${text})`)
  const seen = declared[state]?.split(',')[0]
  if (seen === kind) return
  const what = seen === undefined ? 'is not there' : `is no ${kind}`
  throw new MillraceError(
    'E_NO_STATE',
    `writeSavepoint: state "${state}" of operator "${operator.name}" ${what}; it declares ${named.join(', ')}`,
    { details: { operator: operator.name, state } },
  )
}

function rowsOf<Row>(rows: GivenRows<Row>, place: FillPlace): GivenRows<Row> {
  if (typeof rows === 'object' && rows !== null && Symbol.asyncIterator in rows) return rows
  return iterable(rows, "'rows'", place) as Iterable<Row>
}

function iterable(value: unknown, what: string, place: FillPlace): Iterable<unknown> {
  const isObject = typeof value === 'object' && value !== null
  if (isObject && Symbol.iterator in value) return value as Iterable<unknown>
  throw bad(`${what} must be iterable; seen: ${shown(value)}`, place)
}

function pair(row: unknown, place: FillPlace): readonly [unknown, unknown] {
  if (Array.isArray(row) && row.length === 2) return row as [unknown, unknown]
  throw bad(`a row must be a pair, as [key, value]; seen: ${shown(row)}`, place)
}

function shown(value: unknown): string {
  try {
    return JSON.stringify(value)?.slice(0, 200) ?? String(value)
  } catch {
    return String(value)
  }
}

const whose = ({ operator, state }: FillPlace): string =>
  `state "${state}" of operator "${operator.name}"`

const detailsOf = ({ operator, state }: FillPlace) => ({ operator: operator.name, state })

const bad = (what: string, place: FillPlace): MillraceError =>
  new MillraceError('E_BAD_ARGUMENT', `writeSavepoint: in ${whose(place)} ${what}`, {
    details: detailsOf(place),
  })

const badKind = (kind: unknown, place: FillPlace): MillraceError =>
  bad(
    `'kind' must be value, reducing, aggregating, list, map, single, operatorList or broadcast; it is ${shown(kind)}`,
    place,
  )

const duplicate = (key: unknown, place: FillPlace, of: unknown): MillraceError =>
  new MillraceError(
    'E_DUPLICATE_KEY',
    `writeSavepoint: ${whose(place)} is given key ${shown(key)} twice${of === null ? '' : ` in the map of key ${shown(of)}`}`,
    { details: detailsOf(place) },
  )

function located(error: unknown, place: FillPlace): unknown {
  if (!(error instanceof MillraceError) || error.code !== 'E_BAD_KEY') return error
  return new MillraceError(error.code, `writeSavepoint: ${whose(place)}: ${error.message}`, {
    cause: error,
    details: { ...error.details, ...detailsOf(place) },
  })
}
