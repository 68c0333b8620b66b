/** What a node notes of what its slots are told and say. */
import t from 'tap'
import type { Forwarded } from '../../actors/node/protocol.js'
import { SlotLedger } from '../../actors/node/slot-ledger.js'
import { collect } from '../../actors/testing/index.js'
import type { SlotEvent } from '../../actors/worker/protocol.js'
import { fromArray } from '../../lib/connectors/index.js'
import { planGraph } from '../../lib/graph/planner.js'
import { pipeline } from '../../lib/index.js'
import { BARRIER } from '../../lib/operators/signal.js'

const { graph } = pipeline('one', (flow) => flow.from(fromArray([1, 2])).to(collect())).compose()
const plan = planGraph(graph, { slots: 1 })
const subtask = { chain: 0, index: 0 }
const split = (id: string) => ({ id, data: {} })

/** A ledger, its region opened at attempt 2 and started. */
function started() {
  const ledger = new SlotLedger(plan)
  const command = (method: Forwarded, ...args: readonly unknown[]) => ledger.command(method, args)
  const snapshot = (round: number, stop = false) =>
    command('snapshot', { tag: BARRIER, round, full: false }, stop)
  const event = (kind: string, more: object = {}) =>
    ledger.event({ kind, subtask, attempt: 2, ...more } as SlotEvent)
  command('open', 0, 2, null)({ ok: true })
  command('start', 0, 2)
  const isWhole = () => ledger.holding.regions.map((region) => region.isWhole)
  return { ledger, command, snapshot, event, isWhole }
}

t.test('a region is whole between its start and whatever changes it', async (t) => {
  const opening = new SlotLedger(plan)
  const opened = opening.command('open', [0, 2, null])
  opening.command('start', [0, 2])
  opened({ ok: true })
  t.notOk(opening.holding.regions[0]!.isWhole, 'what was told too early started nothing')
  opening.command('start', [0, 2])
  t.ok(opening.holding.regions[0]!.isWhole)

  const failing = new SlotLedger(plan)
  failing.command('open', [0, 2, null])({ ok: false })
  failing.command('start', [0, 2])
  t.notOk(failing.holding.regions[0]!.isWhole)

  const changes: readonly ((it: ReturnType<typeof started>) => void)[] = [
    ({ event }) => event('SubtaskFailed'),
    ({ command }) => command('replace', subtask, 2, 3),
    ({ command }) => command('drain'),
    ({ snapshot }) => snapshot(1, true),
  ]
  for (const change of changes) {
    const it = started()
    t.same(it.isWhole(), [true])
    change(it)
    t.same(it.isWhole(), [false], String(change))
  }
  const aborted = started()
  aborted.command('abort', 0, 1)
  t.same(aborted.isWhole(), [true], 'an older attempt')
  aborted.command('abort', 0, 2)
  t.same(aborted.isWhole(), [])
})

t.test('sources that were to stop go on when that round is given up', async (t) => {
  const { command, snapshot, isWhole } = started()
  snapshot(1, true)
  command('snapshotAbandoned', 1)
  t.same(isWhole(), [true])
})

t.test('rounds are known from when they begin until it is told how they ended', async (t) => {
  const { ledger, command, snapshot } = started()
  for (const round of [4, 5, 6]) snapshot(round)
  t.match(ledger.holding, { rounds: [4, 5, 6], givenUp: [], completed: 0, lastRound: 6 })
  command('snapshotAbandoned', 4)
  command('snapshotCompleted', 5)
  t.match(ledger.holding, { rounds: [6], givenUp: [], completed: 5, lastRound: 6 })
  command('snapshotAbandoned', 6)
  t.match(ledger.holding, { rounds: [], givenUp: [6], completed: 5, lastRound: 6 })
  t.equal(ledger.holding.regions[0]!.firstRound, 4)
})

t.test('of splits it is known what was listed, asked for and given in this attempt', async (t) => {
  const { ledger, command, event } = started()
  const sources = () => ledger.holding.regions[0]!.sources
  event('SplitsRequested', { attempt: 1 })
  t.same(sources(), [], 'an older attempt')
  event('SplitsRequested')
  t.match(sources(), [{ subtask: '0:0', given: [], asks: true, isLast: false }])
  const late = command('enumerate', 0)
  const listed = command('enumerate', 0)
  listed({ ok: true, result: { concurrent: false, splits: [split('a'), split('b')] } })
  late({ ok: true, result: { concurrent: false, splits: [] } })
  t.match(ledger.holding.regions[0]!.listings, [{ chain: 0, splits: [{ id: 'a' }, { id: 'b' }] }])
  command('assign', subtask, 2, [split('a')], false)
  t.match(sources(), [{ given: ['a'], asks: false, isLast: false }])
  command('assign', subtask, 2, [], true)
  t.match(sources(), [{ given: ['a'], isLast: true }])
})

t.test('links are lost with the connection to the node at their other end', async (t) => {
  const { ledger } = started()
  ledger.joining(1, 'a')()
  ledger.joining(2, null)()
  const again = ledger.joining(3, 'b')
  t.equal(ledger.holding.joined, 2)
  ledger.peerLost('a')
  ledger.peerLost('b')
  again()
  t.equal(ledger.holding.joined, 1, 'and a joining that was under way counts no more')
  ledger.joining(1, 'a')()
  t.equal(ledger.holding.joined, 2)
})
