/**
 * By which way a record came into its chain, as far as that decides where it may go on in another life.
 *
 * Order is promised between what took one way: records of one split, or of one key. What a chain holds of
 * them (`held-records.ts`) must reach the next exchange before what follows on that way. So where the
 * parallelism has changed, it goes to the subtask that has the way: that of its key group behind an
 * exchange by key, that which reads its split in a chain that begins with a source. Who dealt records out
 * in turn has promised nothing about two of them.
 *
 * Within a chain the split is told by `batch.input`. Of what a former life held it is one of `REST` and
 * below: it tells no input apart, but the split can be asked for.
 */
import { REST } from './signal.js'

export interface Lanes {
  /**
   * The split by which records with that `batch.input` came. Null: none that is still read, or the chain begins
   * with no source.
   */
  splitOf(input: number): string | null
  /** What `batch.input` is to be of what a former life held of a split; null: of none. */
  inputOf(split: string | null): number
}

/** `splitOf`: of a split that is being read here, its id. */
export function createLanes(splitOf: (input: number) => string | null): Lanes {
  const rest: string[] = []
  return {
    splitOf(input) {
      if (input > REST) return splitOf(input)
      return input === REST ? null : rest[REST - input - 1]!
    },
    inputOf(split) {
      if (split === null) return REST
      const known = rest.indexOf(split)
      return REST - 1 - (known >= 0 ? known : rest.push(split) - 1)
    },
  }
}

/** Of a chain that begins with no source. */
export const withoutSplits = (): Lanes => createLanes(() => null)
