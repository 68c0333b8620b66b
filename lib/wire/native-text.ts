/**
 * Node's string transfer of one encoding. In every Buffer since Node 0.x but not in its types; these skip the encoding
 * look-up of `write` and `toString`, which costs as much as a short string.
 */
export interface NativeText {
  readonly length: number
  latin1Write(text: string, offset: number, length: number): number
  ucs2Write(text: string, offset: number, length: number): number
  latin1Slice(start: number, end: number): string
  ucs2Slice(start: number, end: number): string
}

/** The same bytes, not a copy. */
export const nativeText = (bytes: ArrayBufferLike, offset = 0, length?: number): NativeText =>
  Buffer.from(bytes as ArrayBuffer, offset, length) as unknown as NativeText
