/** A row of the table of operators, each beside its counterpart in RxJS. */
import type { OperatorFunction } from 'rxjs'
import type { OperatorOptions } from '../../../lib/operators/operator.js'

export type OfNumber = (value: number) => number

export interface Row {
  readonly name: string
  /** `f` stands for the user's function: identity, until a test makes it throw. */
  readonly op: (f: OfNumber, options: OperatorOptions) => unknown
  readonly rx: OperatorFunction<number, unknown>
  /** How results look behind keyBy: records that keep their key, or `[key, value]`. */
  readonly keyed: 'kept' | 'pairs' | 'no'
  /** What it gives before any record. */
  readonly begins?: readonly unknown[]
  readonly order?: 'any'
  readonly async?: true
  /** Records that come together meet each other: RxJS is given one batch, then time to settle. */
  readonly paced?: true
  /** What is fed for a number. Default: itself. */
  readonly given?: (value: number) => unknown
  /** It has something to do at a time: ms that bring all of it. */
  readonly waitsMs?: number
  /** False where the operator has no user function that may throw on one record. */
  readonly throws?: false
  /** False where a restart loses what it holds. */
  readonly restores?: false
}
