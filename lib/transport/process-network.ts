/**
 * The network of one process of a cluster, from what a person says of it: its name, where the secret lies,
 * which certificates. Files are read here, once.
 */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { MillraceError } from '../base/errors.js'
import { isName } from '../base/name.js'
import type { JoinOptions, ListeningOptions } from './join-options.js'
import { checkListening } from './listen.js'
import type { Network } from './network.js'
import type { Identity } from './node-links.js'
import { newIncarnation, secretsIn } from './secret.js'
import { createSocketNetwork } from './socket-network.js'

export const CLUSTER = 'millrace'

/**
 * `address`: where it will listen, if anywhere; checked here, before anything is made for whoever would.
 *
 * Throws E_BAD_NAME; E_BAD_LIMIT; E_SECRET_SHORT, E_SECRET_MISSING, E_SECRET_FILE; E_TLS; E_ADDRESS,
 * E_LISTEN_NO_SECRET, E_LISTEN_NO_TLS.
 */
export async function createProcessNetwork(
  who: Pick<Identity, 'party' | 'id'>,
  options: ListeningOptions,
  address?: string,
): Promise<Network> {
  const { cluster = CLUSTER, tlsCa, tls, insecure, log = toStandardError } = options
  const { connectionsPerHost } = options
  checkName('cluster', cluster)
  checkName(who.party, who.id)
  const ca = tlsCa === undefined ? {} : { ca: await authoritiesIn(tlsCa) }
  const listening = {
    secrets: await secretsOf(options),
    ...(tls !== undefined && { tls }),
    ...(insecure !== undefined && { insecure }),
  }
  if (address !== undefined) checkListening({ ...listening, address })
  return createSocketNetwork({
    ...listening,
    self: { ...who, cluster, incarnation: newIncarnation() },
    log,
    ...ca,
    ...(connectionsPerHost !== undefined && {
      limits: { connectionsPerHostMax: checkConnections(connectionsPerHost) },
    }),
  })
}

function checkConnections(count: number): number {
  if (Number.isSafeInteger(count) && count >= 1) return count
  throw new MillraceError(
    'E_BAD_LIMIT',
    `connectionsPerHost must be a whole number from 1; it is ${count}`,
  )
}

async function secretsOf({ secret, secretFile }: JoinOptions): Promise<readonly Uint8Array[]> {
  if (secret !== undefined) return secretsIn(secret, 'the option secret')
  if (secretFile === undefined) return []
  return secretsIn(await read(secretFile, 'E_SECRET_FILE', 'the secret'), secretFile)
}

async function authoritiesIn(file: string): Promise<string> {
  const text = await read(file, 'E_TLS', 'the authorities of TLS')
  try {
    new X509Certificate(text)
    return text
  } catch (cause) {
    throw new MillraceError('E_TLS', `${file} holds no certificate of an authority, PEM`, {
      cause,
      details: { file },
    })
  }
}

async function read(file: string, code: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const why = (cause as Error).message
    throw new MillraceError(code, `cannot read ${what} from ${file}: ${why}`, {
      cause,
      details: { file },
    })
  }
}

function checkName(what: string, name: string): void {
  if (isName(name)) return
  throw new MillraceError(
    'E_BAD_NAME',
    `expected the name of a ${what}: up to 63 of a-z 0-9 . _ -, beginning with a letter or digit; saw ${JSON.stringify(name)}`,
    { details: { what, name } },
  )
}

const toStandardError = (line: string): void => console.error(`millrace: ${line}`)
