/**
 * CRC-32 (ISO 3309, as of gzip). Of damage to a frame of 64 KiB it finds whatever changes one or two bits, or lies
 * within 32 bits; of all other damage it misses one in 2^32.
 *
 * `zlib` computes it with tables, 3.5 GB a second; `@node-rs/crc32`, which has binaries for most platforms, by
 * carry-less multiplication, 20 GB a second. Where there is no binary `zlib` does all of it.
 */
import { createRequire } from 'node:module'
import { crc32 as crc32OfZlib } from 'node:zlib'

/** The sum of bytes; `before`: that of what precedes them. */
export type Crc32 = (bytes: Uint8Array, before?: number) => number

/** A call into the binary costs as much as so many bytes do in `zlib`. */
const NATIVE_BYTES_MIN = 1024

/** Null where the package has no binary for this platform. */
export function loadNativeCrc32(): Crc32 | null {
  try {
    return (createRequire(import.meta.url)('@node-rs/crc32') as { readonly crc32: Crc32 }).crc32
  } catch {
    return null
  }
}

export const createCrc32 =
  (native: Crc32 | null): Crc32 =>
  (bytes, before = 0) =>
    native === null || bytes.length < NATIVE_BYTES_MIN
      ? crc32OfZlib(bytes, before)
      : native(bytes, before)

export const crc32: Crc32 = createCrc32(loadNativeCrc32())
