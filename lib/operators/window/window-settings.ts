/** A window, and what is wanted of it, as composed: plain facts, and the user's functions. */
import type { Assigner } from '../../window/assigner.js'
import type { Evictor } from '../../window/evictor.js'
import type { Slicing } from '../../window/slicing.js'
import type { Trigger } from '../../window/trigger.js'
import type { Aggregation } from '../aggregation.js'
import type { OperatorDefinition, OperatorOptions } from '../operator.js'

/** What stands between `window(` and `)`, checked. */
export interface WindowSettings {
  readonly assigner: Assigner<never>
  readonly trigger: Trigger<never> | null
  readonly evictor: Evictor<never> | null
  readonly latenessMs: number
  /** Name of the side output of late records; null: they are dropped. */
  readonly late: string | null
  /** True for `windowAll`. */
  readonly all: boolean
}

/** What a window function is called with; see `WindowRecords`, and where there are sides `CoGroup`. */
export type ContentFunction = (given: never) => Iterable<unknown>

/** What is made of the records of a window. */
export interface WindowContent {
  readonly kind: string
  readonly options: OperatorOptions
  readonly settings: OperatorDefinition['settings']
  readonly functions: OperatorDefinition['functions']
  /** Null: the function takes the records themselves. */
  readonly aggregation: Aggregation | null
  /** Null: the result of the aggregate, with its window, is the record. */
  readonly apply: ContentFunction | null
  /** True where records come as `Sided`, and the function takes those of each side. */
  readonly sided: boolean
}

/** True where a window is the sum of its slices, for the trigger that needs no more than that. */
export function isSliced(window: WindowSettings, aggregation: Aggregation | null): boolean {
  const { assigner, trigger, evictor } = window
  if (assigner.plan.by !== 'slices' || trigger !== null || evictor !== null) return false
  return aggregation === null || aggregation.merge !== null || assigner.plan.slicing.disjoint
}

/** True where a window by event time speaks once, when time has come to its end, and is over then. */
export const speaksOnce = ({ assigner, trigger, evictor, latenessMs }: WindowSettings): boolean =>
  assigner.time === 'event' && trigger === null && evictor === null && latenessMs === 0

/** True where a window keeps its records, shares none of them, and speaks once. */
export const gathers = (window: WindowSettings, aggregation: Aggregation | null): boolean =>
  aggregation === null &&
  isSliced(window, null) &&
  speaksOnce(window) &&
  (window.assigner.plan as { slicing: Slicing }).slicing.disjoint
