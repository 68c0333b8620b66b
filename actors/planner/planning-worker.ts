/**
 * The planning worker: evaluates a job module in a thread of its own and answers with graph data. It
 * builds the graph twice, which already shows most modules that do not build the same one each time.
 */
import { parentPort } from 'node:worker_threads'
import { errorToData, MillraceError } from '../../lib/base/errors.js'
import { assertSameFingerprint } from '../../lib/graph/same-graph.js'
import { declareJobThread } from './evaluating.js'
import { loadModule } from './load.js'
import type { PlanningBegun, PlanningReply, PlanningRequest } from './protocol.js'

async function plan({ file, args }: PlanningRequest): Promise<PlanningReply> {
  try {
    const { graph, fingerprint } = (await loadModule(file, args)).compose()
    const again = (await loadModule(file, args)).compose()
    assertSameFingerprint(fingerprint, again, graph)
    return { kind: 'Planned', graph, fingerprint }
  } catch (thrown) {
    return { kind: 'Failed', error: errorToData(thrown) }
  }
}

const answer = (reply: PlanningBegun | PlanningReply) => parentPort?.postMessage(reply)

declareJobThread()
// What job modules import, before there is one.
await Promise.all([import('../../lib/index.js'), import('../../lib/connectors/index.js')])
const request = await new Promise<PlanningRequest>((resolve) =>
  parentPort!.once('message', resolve),
)
// Nothing is left that could go on: not said of a module that ends the process itself.
process.once('beforeExit', () => answer({ kind: 'Failed', error: errorToData(waitsForNothing()) }))
answer({ kind: 'Begun' })
void plan(request).then(answer)

function waitsForNothing(): MillraceError {
  return new MillraceError(
    'E_MODULE_FAILED',
    'The job module awaits, while it is evaluated, something that never happens.',
  )
}
