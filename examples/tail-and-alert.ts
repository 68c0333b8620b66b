/**
 * Watches a growing log file and says when an address has failed to log in three times:
 * `millrace run examples/tail-and-alert.ts -- auth.log`. It follows the file through rotation, like
 * `tail -F`, until Ctrl-C.
 */
import { filter, keyBy, map, mergeMap, pipeline, scan } from 'millrace'
import { lines, print } from 'millrace/connectors'

const LIMIT = 3
const FAILED = /Failed password for (\S+) from (\S+)/

interface Attempt {
  readonly user: string
  readonly address: string
}

const parse = (line: string): Attempt[] => {
  const found = FAILED.exec(line)
  return found === null ? [] : [{ user: found[1]!, address: found[2]! }]
}

export default (args: { readonly _: readonly string[] }) =>
  pipeline('tail-and-alert', (flow) =>
    flow
      .from(lines(args._[0] ?? 'auth.log', { follow: true }))
      .pipe(
        mergeMap(parse),
        keyBy((attempt) => attempt.address),
        scan((failures) => failures + 1, 0, { name: 'failures' }),
        filter(([, failures]) => failures === LIMIT),
        map(([address]) => `ALERT ${address}: ${LIMIT} failed logins`),
      )
      .to(print()),
  )
