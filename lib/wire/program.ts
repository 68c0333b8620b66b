/**
 * Programs: the code that takes batches of one shape apart and puts them together again, shared by
 * all encoders and decoders of a thread.
 */
import { type Build, generateBuild } from './build.js'
import { type Collect, generateCollect } from './collect.js'
import { createLayout, type Layout } from './layout.js'
import { plainBuild, plainCollect } from './plain.js'
import type { Shape } from './shape.js'
import { decodeShape, encodeShape } from './shape-bytes.js'

export interface Program {
  readonly layout: Layout
  readonly shapeBytes: Uint8Array
  /** Made at first use: a thread often only sends a shape, or only receives it. */
  collect(): Collect
  build(): Build
}

/** Process flag `--disallow-code-generation-from-strings`. */
const mayGenerate = ((): boolean => {
  try {
    return new Function('return true')() as boolean
  } catch {
    return false
  }
})()

/** Shapes kept; beyond it the one that was made first goes. Range of the cache: 0 … this. */
const PROGRAMS_MAX = 256
const programs = new Map<string, Program>()

export function programOf(shape: Shape): Program {
  const shapeBytes = encodeShape(shape)
  const name = nameOf(shapeBytes)
  return programs.get(name) ?? keep(name, createProgram(shape, shapeBytes))
}

/** The program of a shape as it came in a frame, or why it is none. */
export function programOfBytes(shapeBytes: Uint8Array): Program | string {
  const name = nameOf(shapeBytes)
  const known = programs.get(name)
  if (known !== undefined) return known
  const shape = decodeShape(shapeBytes)
  return typeof shape === 'string' ? shape : keep(name, createProgram(shape, shapeBytes.slice()))
}

const nameOf = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('latin1')

function keep(name: string, program: Program): Program {
  if (programs.size >= PROGRAMS_MAX) programs.delete(programs.keys().next().value!)
  programs.set(name, program)
  return program
}

export function createProgram(
  shape: Shape,
  shapeBytes = encodeShape(shape),
  generate = mayGenerate,
): Program {
  const layout = createLayout(shape)
  let collect: Collect | null = null
  let build: Build | null = null
  return {
    layout,
    shapeBytes,
    collect: () => (collect ??= generate ? generateCollect(layout) : plainCollect(layout)),
    build: () => (build ??= generate ? generateBuild(layout) : plainBuild(layout)),
  }
}
