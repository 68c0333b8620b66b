/** Plain data that survives JSON: what crosses to the planner, into `explain`, and into logs. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [name: string]: Json
}
