/** Clients of the coordinator: what they ask, and what they have asked to be told. */
import { Subscription } from 'rxjs'
import type { Clock } from '../../lib/base/clock.js'
import { type Calls, createCalls } from '../../lib/transport/calls.js'
import type { ControlLink } from '../../lib/transport/node-links.js'
import type { Coordinator } from './coordinator.js'
import type { ClientListener, ClientMethods } from './protocol.js'

const CALL_MS = 30_000

export class ClientDesk {
  readonly #coordinator: Coordinator
  readonly #clock: Clock
  readonly #clients = new Set<Calls<ClientListener>>()

  constructor(coordinator: Coordinator, clock: Clock) {
    this.#coordinator = coordinator
    this.#clock = clock
  }

  accept(link: ControlLink): void {
    const watching = new Watching()
    const client: Calls<ClientListener> = createCalls<ClientListener>({
      link,
      handlers: this.#handlers(watching, () => client),
      deadlineMs: CALL_MS,
      clock: this.#clock,
    })
    this.#clients.add(client)
    client.onClose(() => {
      this.#clients.delete(client)
      watching.end()
    })
  }

  close(): void {
    for (const client of this.#clients) client.close('goingAway')
  }

  #handlers(watching: Watching, self: () => Calls<ClientListener>): ClientMethods {
    const coordinator = this.#coordinator
    return {
      hasBundle: (sha256) => coordinator.shelf.has(sha256),
      putBundle: (facts, offset, bytes) => coordinator.shelf.put(facts, offset, bytes),
      submit: async (bundle, options) => (await coordinator.submit(bundle, options, null)).id,
      jobs: async () => coordinator.jobs(),
      nodes: () => coordinator.nodes(),
      placement: async (job) => coordinator.placementOf(job),
      async watchJob(id, { metrics, results }) {
        const job = coordinator.job(id)
        const subscription = new Subscription()
        const tell = (news: Parameters<ClientListener['jobNews']>[1]) =>
          self().tell('jobNews', [id, news])
        subscription.add(job.failures$.subscribe(tell))
        subscription.add(
          job.news$.subscribe((news) => {
            if (news.kind === 'metrics' && !metrics) return
            if (news.kind === 'results' && !results) return
            tell(news)
          }),
        )
        watching.add(id, subscription)
        return { view: job.view, plan: job.plan }
      },
      unwatchJob: async (id) => watching.remove(id),
      async watchCluster() {
        watching.add(
          '',
          coordinator.events$.subscribe((event) => self().tell('clusterEvent', [event])),
        )
      },
      cancel: (job) => coordinator.job(job).cancel(),
      drain: (job) => coordinator.job(job).drain(),
      savepoint: (job, directory) => coordinator.job(job).savepoint(directory),
      stop: (job, directory) => coordinator.job(job).stop(directory),
      rescale: (job, slots) => coordinator.rescale(job, slots),
      cordon: async (node, cordoned) => coordinator.cordon(node, cordoned),
      evacuate: (node) => coordinator.evacuate(node),
    }
  }
}

/** What one client watches, by job; `''`: the cluster. */
class Watching {
  readonly #subscriptions = new Map<string, Subscription>()

  add(name: string, subscription: Subscription): void {
    this.remove(name)
    this.#subscriptions.set(name, subscription)
  }

  remove(name: string): void {
    this.#subscriptions.get(name)?.unsubscribe()
    this.#subscriptions.delete(name)
  }

  end(): void {
    for (const name of [...this.#subscriptions.keys()]) this.remove(name)
  }
}
