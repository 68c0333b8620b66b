/** Exact equality of types, for positive type tests: `is<Equal<A, B>>(true)`. */
export type Equal<A, B> =
  (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false

/** Compiles only for `true`. */
export function is<Law extends true>(law: Law): void {
  void law
}
