/** The memory that an operator may use before it spills. */
import { requireCount } from '../arguments.js'
import type { OperatorOptions } from '../operator.js'

/** Options of operators that spill. */
export interface SpillOptions extends OperatorOptions {
  /** About how much memory a subtask may use before it spills, in MiB. Default 128. */
  readonly memoryMb?: number
}

export const MEMORY_MB_DEFAULT = 128
const MEMORY_MB_MAX = 65_536

/** Throws E_BAD_ARGUMENT. */
export function memoryBytesOf(operator: string, memoryMb: number): number {
  requireCount(operator, 'memoryMb', memoryMb, 1, MEMORY_MB_MAX)
  return memoryMb * 2 ** 20
}
