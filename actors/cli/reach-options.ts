/** How a process proves that it belongs to a cluster: flags of all commands that meet others. */
import type { Program } from './program.js'

/** Null: the environment, or the default. */
export interface ReachFlags {
  readonly cluster: string | null
  readonly secretFile: string | null
  readonly tlsCa: string | null
}

/** As they come from the command line. */
export interface GivenReach {
  readonly cluster?: string
  readonly secretFile?: string
  readonly tlsCa?: string
}

export function addReach(command: Program): Program {
  return command
    .helpOption('--help', 'show this help')
    .option('--secret-file <file>', 'the secret of the cluster (or $MILLRACE_SECRET_FILE)')
    .option('--cluster <name>', 'name of the cluster (default: millrace)')
    .option('--tls-ca <file>', 'trust certificates of these authorities, PEM')
}

export const reach = ({ cluster, secretFile, tlsCa }: GivenReach): ReachFlags => ({
  cluster: cluster ?? null,
  secretFile: secretFile ?? null,
  tlsCa: tlsCa ?? null,
})
