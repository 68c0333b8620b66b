/** Copies of values that are changed in place. */

/**
 * A copy that shares nothing that could be changed: of arrays, plain objects, Maps and Sets, and those
 * inside them. Everything else is shared.
 */
export function copyPlain<T>(value: T): T {
  return copy(value) as T
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  if (Array.isArray(value)) return value.map(copy)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Map.prototype) {
    return new Map([...(value as Map<unknown, unknown>)].map(([key, part]) => [key, copy(part)]))
  }
  if (prototype === Set.prototype) return new Set(value as Set<unknown>)
  if (prototype !== Object.prototype && prototype !== null) return value
  const copied = Object.create(prototype as object | null) as Record<string, unknown>
  for (const [name, part] of Object.entries(value)) copied[name] = copy(part)
  return copied
}
