/** Protections of a cluster that are taken away by a change of their source, as it is compiled. */
import type { SourceEdit } from './source-edit.js'

export const CLUSTER_EDITS = {
  'an earlier term is served': {
    file: 'lib/cluster/term-fence.js',
    from: 'if (found.term < served.term)',
    to: 'if (false)',
  },
  'another one of the same term is served': {
    file: 'lib/cluster/term-fence.js',
    from: 'const isOther = found.incarnation !== served.incarnation',
    to: 'const isOther = false',
  },
  'what was killed is not waited for': {
    file: 'actors/coordinator/job-places.js',
    from: 'while (this.#dying.size > 0 && this.#slots.has(slot))',
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
  'session of a frame is not checked': {
    file: 'lib/channel/remote-end.js',
    from: 'session !== place.session',
    to: 'false',
  },
  'attempt of a frame is not checked': [
    {
      file: 'lib/channel/link-router.js',
      from: 'frame.attempt < end.place.attempt',
      to: 'false',
    },
    {
      file: 'lib/channel/remote-end.js',
      from: 'attempt !== place.attempt',
      to: 'false',
    },
  ],
  'frames of another attempt are taken': [
    {
      file: 'lib/channel/link-router.js',
      from: 'frame.attempt < end.place.attempt',
      to: 'false',
    },
    {
      file: 'lib/channel/remote-end.js',
      from: "return broken(place, 'attempt', place.attempt, attempt);",
      to: 'return null;',
    },
  ],
  'number of a frame is not checked': {
    file: 'lib/channel/remote-end.js',
    from: 'sequence !== this.#last + 1',
    to: 'false',
  },
} as const satisfies Readonly<Record<string, SourceEdit | readonly SourceEdit[]>>
