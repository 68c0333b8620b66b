/**
 * Where a process may listen. Beyond loopback: only with a secret, and only with TLS unless the user
 * says `insecure`; a secret without TLS proves who is there, but hides nothing from the network.
 */
import { MillraceError } from '../base/errors.js'
import { isLoopback } from './address.js'

export interface ListenPlan {
  readonly host: string
  readonly hasSecret: boolean
  readonly hasTls: boolean
  readonly insecure: boolean
}

/** Why the plan is refused: E_LISTEN_NO_SECRET, E_LISTEN_NO_TLS; null when it is fine. */
export function listenRefusal(plan: ListenPlan): MillraceError | null {
  const { host, hasSecret, hasTls, insecure } = plan
  if (isLoopback(host)) return null
  if (!hasSecret) {
    return new MillraceError(
      'E_LISTEN_NO_SECRET',
      `listening on ${host}, beyond loopback, needs a secret: whoever reaches the port could run code. ` +
        'Give --secret-file, or listen on 127.0.0.1',
      { details: { host } },
    )
  }
  if (hasTls || insecure) return null
  return new MillraceError(
    'E_LISTEN_NO_TLS',
    `listening on ${host}, beyond loopback, needs TLS: give a certificate and its key, or ` +
      '--insecure where the network is trusted, or listen on 127.0.0.1',
    { details: { host } },
  )
}
