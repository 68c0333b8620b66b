/** From flags and environment to a connection with a cluster. */
import type { Duration } from '../../lib/base/duration.js'
import { MillraceError } from '../../lib/base/errors.js'
import type { Cluster, JoinOptions } from '../index.js'
import type { ClientFlags } from './cluster-commands.js'
import { connectionText } from './cluster-text.js'
import type { ReachFlags } from './reach-options.js'
import type { Reporter } from './reporter.js'
import type { CliWorld } from './world.js'

const COORDINATOR_URL = 'ws://127.0.0.1:7373'

export function joinOptions(
  { cluster, secretFile, tlsCa }: ReachFlags,
  world: CliWorld,
  reporter: Reporter,
): JoinOptions {
  const secret = secretFile ?? world.env.MILLRACE_SECRET_FILE
  return {
    log: (line) => reporter.say(line),
    ...(secret !== undefined && secret !== '' && { secretFile: secret }),
    ...(cluster !== null && { cluster }),
    ...(tlsCa !== null && { tlsCa }),
  }
}

/** What leads another command to the same cluster: as it was given. */
export const sameCluster = ({ coordinator }: ClientFlags): string =>
  coordinator === null ? '' : ` --coordinator ${coordinator}`

export async function connectTo(
  flags: ClientFlags,
  world: CliWorld,
  reporter: Reporter,
): Promise<Cluster> {
  const { connect } = await import('../index.js')
  const named = flags.coordinator ?? world.env.MILLRACE_COORDINATOR
  const url = named === undefined || named === '' ? COORDINATOR_URL : named
  try {
    const cluster = await connect(url, {
      ...joinOptions(flags, world, reporter),
      ...(flags.reconnect !== null && { reconnect: flags.reconnect as Duration }),
    })
    if (reporter.detail !== 'quiet') {
      cluster.connection$.subscribe((event) => reporter.say(connectionText(event)))
    }
    return cluster
  } catch (error) {
    throw error instanceof MillraceError && error.code === 'E_CONNECT' ? unreached(error) : error
  }
}

/** Whose id is that, or the only one that begins so; null: there is none. */
export async function findJob(cluster: Cluster, name: string): Promise<string | null> {
  const ids = (await cluster.jobs()).map(({ id }) => id)
  if (ids.includes(name)) return name
  const begun = ids.filter((id) => id.startsWith(name))
  if (begun.length <= 1) return begun[0] ?? null
  throw new MillraceError('E_NO_SUCH_JOB', `several jobs begin with "${name}": ${begun.join(', ')}`)
}

const unreached = (error: MillraceError): MillraceError =>
  new MillraceError(
    'E_CONNECT',
    `${error.message}\nIs a coordinator running there? \`millrace dev\` starts one on this machine; --coordinator or $MILLRACE_COORDINATOR names another`,
    { details: error.details },
  )
