/** The channels bids come by, and their URLs: four hot ones, and ten thousand. */
import { drawText } from './draw-text.js'
import { JavaRandom } from './java-random.js'

export const CHANNELS = 10_000
export const HOT_CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple'] as const

const UNDERSCORE = 95

const part = (random: JavaRandom): string => drawText(random, 5, UNDERSCORE)

const base = (random: JavaRandom): string =>
  `https://www.nexmark.com/${part(random)}/${part(random)}/${part(random)}/item.htm?query=1`

/** Bits in reverse order, then Java's `abs`, which leaves the smallest number negative. */
function channelId(index: number): number {
  let reversed = 0
  for (let bit = 0; bit < 32; bit++) {
    if ((index >>> bit) & 1) reversed |= 1 << (31 - bit)
  }
  return reversed === -(2 ** 31) ? reversed : Math.abs(reversed)
}

/**
 * A text as a file would give it. Put together from parts it stays a tree of them in V8, and whoever writes
 * it, into a frame for one, goes through that tree each time: 300 ns per bid that crosses.
 */
const flat = (text: string): string => Buffer.from(text, 'latin1').toString('latin1')

function url(index: number): string {
  const random = new JavaRandom().seedNumber(index)
  const text = base(random)
  return flat(random.nextBelow(10) > 0 ? `${text}&channel_id=${channelId(index)}` : text)
}

export const HOT_URLS: readonly string[] = HOT_CHANNELS.map((_, index) =>
  flat(base(new JavaRandom().seedNumber(CHANNELS + index))),
)

export interface Channels {
  readonly names: readonly string[]
  readonly urls: readonly string[]
}

let made: Channels | null = null

/** Made once per thread, when first asked for. */
export function channels(): Channels {
  made ??= {
    names: Array.from({ length: CHANNELS }, (_, index) => `channel-${index}`),
    urls: Array.from({ length: CHANNELS }, (_, index) => url(index)),
  }
  return made
}
