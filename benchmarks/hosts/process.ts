/** A coordinator or a node on loopback, in a process of its own: `node process.js '{"kind":"node",…}'`. */
import { Coordinator } from '../../actors/coordinator/coordinator.js'
import { ClusterNode } from '../../actors/node/node.js'
import { newIncarnation } from '../../lib/transport/secret.js'
import { createSocketNetwork } from '../../lib/transport/socket-network.js'

const { kind, name, data, join } = JSON.parse(process.argv[2]!)
const cluster = 'bench'
const network = createSocketNetwork({
  self: { cluster, party: kind, id: name, incarnation: newIncarnation() },
  secrets: [],
  log: (line) => process.stderr.write(`${name}: ${line}\n`),
})
const address = '127.0.0.1:0'
if (kind === 'coordinator') {
  const coordinator = new Coordinator({ network, address, data, cluster })
  await coordinator.start()
  process.stdout.write(`${coordinator.url}\n`)
} else {
  const node = new ClusterNode({ network, join, address, slots: 1, labels: {}, version: 'bench' })
  await node.start()
  process.stdout.write(`${node.url}\n`)
}
