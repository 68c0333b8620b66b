/** Addresses: where a process listens, and how it is dialled. */
import { isIPv4, isIPv6 } from 'node:net'
import { MillraceError } from '../base/errors.js'

export interface Address {
  /** A name, or an IP address without brackets. */
  readonly host: string
  readonly port: number
}

export const LOOPBACK = '127.0.0.1'
const PORT_MAX = 65_535
const HOST_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i

/**
 * Reads `host:port`, `[v6]:port` or `:port` (loopback). Throws E_ADDRESS.
 *
 *     parseAddress('[::1]:7000') // { host: '::1', port: 7000 }
 */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]*)\]|([^[\]:]*)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? (match?.[2] || LOOPBACK)
  const port = Number(match?.[3])
  const isHost = match?.[1] === undefined ? HOST_NAME.test(host) && !looksWrong(host) : isIPv6(host)
  if (match === null || !isHost || port > PORT_MAX) {
    throw new MillraceError(
      'E_ADDRESS',
      `expected an address such as 127.0.0.1:7000, [::1]:7000 or :7000, saw ${JSON.stringify(text)}`,
      { details: { address: text } },
    )
  }
  return { host, port }
}

/** Four numbers that are no IPv4 address: a typing error, not a name. */
const looksWrong = (host: string): boolean => /^[\d.]+$/.test(host) && !isIPv4(host)

/** `host:port`, an IPv6 host in brackets. */
export const formatAddress = ({ host, port }: Address): string =>
  isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`

/** Whether only processes of this machine reach the host. Names but `localhost` count as others. */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return host.startsWith('127.')
  return host === 'localhost' || host === '::1' || /^::ffff:127\./i.test(host)
}

/** Where to dial a process of this machine that listens on `host`: an unspecified one is not dialled. */
export function dialledHost(host: string): string {
  if (host === '0.0.0.0') return LOOPBACK
  return host === '::' ? '::1' : host
}

/** Checks `ws://host:port` or `wss://host:port`. Throws E_ADDRESS. */
export function parseLinkUrl(text: string): URL {
  let url: URL | null = null
  try {
    url = new URL(text)
  } catch {}
  const isOurs =
    url !== null &&
    (url.protocol === 'ws:' || url.protocol === 'wss:') &&
    (url.pathname === '/' || url.pathname === '') &&
    url.search + url.hash + url.username + url.password === ''
  if (url === null || !isOurs) {
    throw new MillraceError(
      'E_ADDRESS',
      `expected a URL such as ws://127.0.0.1:7000 or wss://host:7000, saw ${JSON.stringify(text)}`,
      { details: { url: text } },
    )
  }
  return url
}
