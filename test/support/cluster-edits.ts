/** Protections of a cluster that are taken away by a change of their source, as it is compiled. */
import type { SourceEdit } from './source-edit.js'

export const CLUSTER_EDITS = {
  'an earlier term is served': {
    file: 'actors/node/node.js',
    from: 'if (term < this.#term)',
    to: 'if (false)',
  },
  'attempts are not compared in a slot': {
    file: 'actors/worker/slot-runtime.js',
    from: 'return running?.attempt === attempt ? running : null;',
    to: 'return running ?? null;',
  },
  'frames of any session are taken': {
    file: 'lib/channel/remote-end.js',
    from: 'if (session !== place.session)',
    to: 'if (false)',
  },
  'what any attempt acknowledges counts': {
    file: 'actors/job/job-actor.js',
    from: 'if (attempt === event.attempt)',
    to: 'if (true)',
  },
  'a former membership is obeyed': {
    file: 'actors/node/hosted-slots.js',
    from: 'if (hosted?.office !== office)',
    to: 'if (hosted === undefined)',
  },
  'any attempt is adopted': {
    file: 'lib/job/adoption.js',
    from: 'if (found?.attempt !== regions[id])',
    to: 'if (found === undefined)',
  },
  'what was killed is not waited for': {
    file: 'actors/coordinator/job-places.js',
    from: 'while (this.#dying.size > 0)',
    to: 'while (false)',
  },
  'what is deployed is not durable': {
    file: 'actors/job/region-opening.js',
    from: 'await this.#deployed;',
    to: '',
  },
  'a coordinator deploys at once': {
    file: 'actors/coordinator/coordinator.js',
    from: 'this.#clock.after(SETTLE_MS, resolve)',
    to: 'this.#clock.after(0, resolve)',
  },
  'no lease ends': {
    file: 'lib/cluster/lease.js',
    from: 'return Math.max(0, this.#sentMs + NODE_LEASE_MS - nowMs);',
    to: 'return 1;',
  },
  'a node is given up while it has its lease': {
    file: 'lib/cluster/times.js',
    from: 'SILENCE_MS = 2800',
    to: 'SILENCE_MS = 1400',
  },
  'an ended membership begins slots': {
    file: 'actors/node/member.js',
    from: 'if (this.#ended)\n                    throw stale(',
    to: 'if (false)\n                    throw stale(',
  },
  'connections go on with what was received sent again': {
    file: 'lib/transport/resumable-link.js',
    from: 'if (number !== this.#received + 1 ||',
    to: 'if (',
  },
} as const satisfies Readonly<Record<string, SourceEdit>>
