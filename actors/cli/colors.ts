/** Colours: only on a terminal that wants them. */
import picocolors from 'picocolors'

export interface Colors {
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  green(text: string): string
  yellow(text: string): string
}

/** `isTerminal`: of the stream that is written to. `NO_COLOR` (no-color.org) is respected. */
export function chooseColors(isTerminal: boolean, env: NodeJS.ProcessEnv): Colors {
  const wanted = isTerminal && !env.NO_COLOR && env.TERM !== 'dumb'
  return picocolors.createColors(wanted)
}
