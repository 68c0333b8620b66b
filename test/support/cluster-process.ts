/**
 * One process of a cluster for tests: `node cluster-process.js '{"kind":"node",…}'`. Says what happens to
 * it as lines of JSON.
 */
import { clusterNode, coordinatorOf } from './cluster-parts.js'
import { tellLeases } from './told-leases.js'

const settings = JSON.parse(process.argv[2]!)
const say = (event: object) =>
  process.stdout.write(`${JSON.stringify({ ...event, atMs: Date.now() })}\n`)

if (settings.kind === 'coordinator') {
  const coordinator = coordinatorOf(settings)
  coordinator.events$.subscribe(say)
  await coordinator.start()
  say({ kind: 'Listening', url: coordinator.url, term: coordinator.term })
  process.once('SIGTERM', () => void coordinator.stop().then(() => process.exit(0)))
} else {
  if (settings.tellsLeases) tellLeases((leftMs) => say({ kind: 'Renewed', leftMs }))
  const node = clusterNode(settings)
  node.events$.subscribe(say)
  await node.start()
  process.once('SIGTERM', () => void node.leave(20_000).then(() => process.exit(0)))
}
