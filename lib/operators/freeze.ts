/** Deep freezing: makes "immutable by contract" an error where it is broken. */

/**
 * Freezes arrays and plain objects, and those inside them, and returns its argument. Stops at what
 * is frozen already, so cycles end. Maps, sets, dates, typed arrays and class instances stay as
 * they are: freezing them does not protect what they hold.
 */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  if (!Array.isArray(value)) {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) return value
  }
  Object.freeze(value)
  for (const part of Object.values(value)) deepFreeze(part)
  return value
}
