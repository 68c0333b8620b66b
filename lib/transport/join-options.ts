/** What the processes of a cluster may say of how they belong to it, and of how others reach them. */
import { optionNames } from '../base/unknown-option.js'
import type { TlsFiles } from './node-links.js'

/** What every process of a cluster may say: how it proves that it belongs to it, and whom it trusts. */
export interface JoinOptions {
  /** Name of the cluster; processes of another one are refused. Default `millrace`. */
  readonly cluster?: string
  /**
   * The secret that all processes of the cluster share, 32 characters at least. Without any, a
   * coordinator and its nodes listen on loopback only.
   */
  readonly secret?: string
  /** A file with the secret: one a line. The first is used, all of them are accepted. */
  readonly secretFile?: string
  /** PEM file of the authorities that certificates are checked against. Default: those of Node.js. */
  readonly tlsCa?: string
  /** Told of refused connections, a line per kind and minute. Default: standard error. */
  readonly log?: (line: string) => void
}

/** Their names. */
export const JOIN_OPTIONS = optionNames<JoinOptions>({
  cluster: true,
  secret: true,
  secretFile: true,
  tlsCa: true,
  log: true,
})

/** Of a process that others reach. */
export interface ListeningOptions extends JoinOptions {
  /** `host:port`, `[::1]:port`, `:port`; port 0 takes a free one. */
  readonly listen?: string
  /** Certificate and key, PEM files. Beyond loopback they are needed, unless `insecure`. */
  readonly tls?: TlsFiles
  /** Listen beyond loopback without TLS: where the network itself is trusted. */
  readonly insecure?: boolean
  /**
   * Connections that one remote host may open at once; a hundred a second are added. Default 2048. Over
   * loopback all processes of the machine are one host.
   */
  readonly connectionsPerHost?: number
}

/** Their names. */
export const LISTENING_OPTIONS = [
  ...JOIN_OPTIONS,
  ...optionNames<Omit<ListeningOptions, keyof JoinOptions>>({
    listen: true,
    tls: true,
    insecure: true,
    connectionsPerHost: true,
  }),
]

/** Of `tls`. */
export const TLS_OPTIONS = optionNames<TlsFiles>({ certFile: true, keyFile: true })
