/** Assertions: what must hold whatever the input. A broken one is a bug, and the actor dies. */

/** Throws when `condition` is false. `law` says what must hold, as a sentence. */
export function assert(condition: boolean, law: string): asserts condition {
  if (!condition) throw new Error(`broken law: ${law}`)
}

/** Ends an exhaustive switch: does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`broken law: unreachable case ${JSON.stringify(value)}`)
}
