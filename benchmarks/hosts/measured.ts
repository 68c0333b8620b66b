import { FRAME_BYTES_MAX } from '../../lib/wire/limits.js'
import { cpuSeconds } from './idle.js'
import type { OtherProcess } from './peer.js'

/** GB (10^9) of frames taken: per second, and per second of CPU time at either end. */
export interface Throughput {
  readonly perSecond: number
  readonly perCallerCpu: number
  readonly perListenerCpu: number
}

export async function measured(
  frames: number,
  take: () => Promise<void>,
  sender: OtherProcess,
): Promise<Throughput> {
  const before = [cpuSeconds(), await sender.cpuSeconds()] as const
  const startMs = performance.now()
  await take()
  const seconds = (performance.now() - startMs) / 1000
  const caller = cpuSeconds() - before[0]
  const listener = (await sender.cpuSeconds()) - before[1]
  const gigabytes = (frames * FRAME_BYTES_MAX) / 1e9
  return {
    perSecond: gigabytes / seconds,
    perCallerCpu: gigabytes / caller,
    perListenerCpu: gigabytes / listener,
  }
}
