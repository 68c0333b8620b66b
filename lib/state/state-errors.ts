/** What is wrong with the states that an operator declares, or does not declare. */
import { MillraceError } from '../base/errors.js'
import type { StateKind, UnclaimedState } from './frozen.js'
import type { Ttl } from './state.js'

interface DeclaredAs {
  readonly kind: StateKind
  readonly ttl: Ttl | null
}

export function declaredTwice(
  name: string,
  kind: StateKind,
  ttl: Ttl | null,
  found: DeclaredAs,
): MillraceError {
  return new MillraceError(
    'E_STATE_NAME',
    `state "${name}" is declared as ${describe(kind, ttl)}, but the same operator has it as ` +
      `${describe(found.kind, found.ttl)} already: give one of them another name`,
    { details: { state: name } },
  )
}

export function restoredOtherwise(name: string, kind: StateKind, found: DeclaredAs): MillraceError {
  return new MillraceError(
    'E_STATE_NAME',
    `state "${name}" is declared as ${kind}, but the snapshot has it as ${found.kind}: give the new ` +
      'state another name',
    { details: { state: name } },
  )
}

/** State that was restored and that nobody reads would be lost without a word. */
export function restoredInVain(
  operator: string,
  subtask: number,
  states: readonly UnclaimedState[],
): MillraceError {
  const seen = states.map(({ name, kind, entries }) => `"${name}" (${kind}, ${entries} entries)`)
  return new MillraceError(
    'E_RESTORE_DROPS',
    `the snapshot has state of operator ${operator} that this operator, as it is set now, does not read: ` +
      `${seen.join(', ')} in subtask ${subtask}. Give it its former settings back (of a window its kind, trigger, ` +
      'evictor and allowedLateness; of a function its states), or allow the loss (--allow-dropped-state)',
    { details: { operator, subtask, dropped: states.map(({ name }) => name).join(', ') } },
  )
}

const describe = (kind: StateKind, ttl: Ttl | null): string =>
  ttl === null ? kind : `${kind} with a TTL of ${ttl.ms} ms (${ttl.update})`
