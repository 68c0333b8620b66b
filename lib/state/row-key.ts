/** Keys of rows: text that LevelDB stores as UTF-8. They live as long as the working copy. */
import type { CanonicalKey } from '../base/key.js'

/** The canonical form of a key as text; different ones have different texts. */
export function rowKeyOf(canonical: CanonicalKey): string {
  switch (typeof canonical) {
    case 'string':
      // UTF-8 makes one and the same of all lone surrogates.
      return isWellFormed(canonical) ? `s${canonical}` : `x${utf16Of(canonical)}`
    case 'number':
      return `n${canonical}`
    case 'bigint':
      return `i${canonical}`
    case 'boolean':
      return canonical ? 't' : 'f'
    case 'undefined':
      return 'u'
    default:
      return 'z'
  }
}

/** `String.prototype.isWellFormed`, which the types do not know yet. */
const isWellFormed = (text: string): boolean =>
  (text as unknown as { isWellFormed(): boolean }).isWellFormed()

const utf16Of = (text: string): string => Buffer.from(text, 'utf16le').toString('base64')
