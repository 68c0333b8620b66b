/**
 * How many connections a remote host may open: so many at once, and so many a second in the long run.
 *
 * A connection that says nothing is ended some seconds later, so this bounds how many of them one host holds:
 * it cannot take the room of the others. All processes of a machine are one host to it, those that come over
 * loopback too: it is generous enough for all of them.
 */

export interface HostLimits {
  /** False: the host has opened too many; this one is to be closed. */
  admits(address: string, nowMs: number): boolean
}

interface Allowance {
  left: number
  countedMs: number
}

/** Hosts that are remembered; beyond it those that have opened nothing for long are forgotten. */
const HOSTS_MAX = 4096

export function createHostLimits(atOnceMax: number, perSecondMax: number): HostLimits {
  const allowances = new Map<string, Allowance>()
  const leftAt = ({ left, countedMs }: Allowance, nowMs: number) =>
    Math.min(atOnceMax, left + ((nowMs - countedMs) / 1000) * perSecondMax)
  const forget = (nowMs: number) => {
    for (const [host, allowance] of allowances) {
      if (leftAt(allowance, nowMs) === atOnceMax) allowances.delete(host)
    }
    // Whoever comes from so many hosts at once is stopped by the limit of all connections.
    if (allowances.size > HOSTS_MAX) allowances.clear()
  }
  return {
    admits(address, nowMs) {
      const host = hostOf(address)
      const before = allowances.get(host) ?? { left: atOnceMax, countedMs: nowMs }
      const left = leftAt(before, nowMs)
      const isAdmitted = left >= 1
      allowances.set(host, { left: isAdmitted ? left - 1 : left, countedMs: nowMs })
      if (allowances.size > HOSTS_MAX) forget(nowMs)
      return isAdmitted
    },
  }
}

/** One IPv4 address, or one IPv6 network of 64 bits: a host has as many addresses of it as it likes. */
export function hostOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const groups = groupsOf(head)
  const rest = tail === undefined ? [] : groupsOf(tail)
  const zeros = new Array<number>(Math.max(0, 8 - groups.length - rest.length)).fill(0)
  const all = tail === undefined ? groups : [...groups, ...zeros, ...rest]
  const isMapped = all.slice(0, 5).every((group) => group === 0) && all[5] === 0xffff
  if (isMapped) return all.slice(6).flatMap(bytesOf).join('.')
  return all
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')
}

/** An IPv4 address at the end is two groups. */
function groupsOf(text: string): readonly number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}

const bytesOf = (group: number): readonly number[] => [group >> 8, group & 255]
