import t from 'tap'
import { createInlet, type Inlet } from '../../../lib/channel/inlet.js'
import { createLocalChannel, type LocalChannel } from '../../../lib/channel/local-channel.js'
import { createCreditLedger } from '../../../lib/credit/ledger.js'
import { BATCH, batch, END, end, IDLE, INPUT, WATERMARK } from '../../../lib/operators/signal.js'

/** One channel by edge; the inlet of an operator with as many inputs as `inputOf` names. */
function inletOf(inputOf: readonly number[], inputs: number, timed: readonly boolean[] = []) {
  const ledger = createCreditLedger({ channels: inputOf.length, exclusive: 2, floating: 0 })
  const open = (edge: number): LocalChannel =>
    createLocalChannel({ id: { edge, from: 0, to: 0 }, credits: ledger.renew(edge) })
  const channels = inputOf.map((_, edge) => open(edge))
  const inlet = createInlet(
    channels.map(({ input }) => input),
    {
      inputs,
      inputOf: new Map(inputOf.map((input, edge) => [edge, input])),
      holdsTime: new Map(timed.map((holds, edge) => [edge, holds])),
    },
  )
  return { inlet, open, senders: channels.map(({ output }) => output) }
}

/** In short: `1: a b`, `1 ended`, `w5`, `end`. */
function taken(inlet: Inlet): string[] {
  const seen: string[] = []
  for (let signal = inlet.take(); signal !== null; signal = inlet.take()) {
    if (signal.tag === BATCH) seen.push(`${signal.input}: ${signal.records.join(' ')}`)
    else if (signal.tag === INPUT) seen.push(`${signal.input} ${signal.state}`)
    else if (signal.tag === WATERMARK) seen.push(`w${signal.timeMs}`)
    else if (signal.tag === IDLE) seen.push(signal.active ? 'active' : 'idle')
    else if (signal.tag === END) seen.push('end')
  }
  return seen
}

t.test('a batch says by which input it came, whatever it said before', async (t) => {
  const { inlet, senders } = inletOf([0, 1, 1], 2)
  const shared = batch(
    Array.from({ length: 300 }, () => 'x'),
    null,
    null,
    null,
    7,
  )
  for (const sender of senders) sender.pushBatch(shared)
  const inputs = [0, 1, 2].map(() => (inlet.take() as typeof shared).input)
  t.same(inputs, [0, 1, 1])
  t.equal(shared.input, 7, 'a batch that others read too is not touched')
})

t.test('an input ends with its last channel, behind its last batch, before its time', async (t) => {
  const { inlet, senders } = inletOf([0, 1, 1], 2)
  const [a, b, c] = senders
  for (const [i, sender] of senders.entries()) sender.signal({ tag: WATERMARK, timeMs: i + 1 })
  t.same(taken(inlet), ['w1'])
  b!.signal(end)
  t.same(taken(inlet), [])
  a!.push('last', undefined, -1)
  a!.signal(end)
  t.same(taken(inlet), ['0: last', '0 ended', 'w3'])
  c!.signal(end)
  t.same(taken(inlet), ['1 ended', 'end'])
})

t.test('an input is idle when all of its channels are that have not ended', async (t) => {
  const { inlet, senders } = inletOf([0, 1, 1], 2)
  const [a, b, c] = senders
  b!.signal({ tag: IDLE, active: false })
  t.same(taken(inlet), [])
  c!.signal(end)
  t.same(taken(inlet), ['1 idle'])
  b!.signal({ tag: IDLE, active: true })
  t.same(taken(inlet), ['1 active'])
  a!.signal({ tag: IDLE, active: false })
  b!.signal({ tag: IDLE, active: false })
  t.same(taken(inlet), ['0 idle', '1 idle', 'idle'])
  b!.signal(end)
  t.same(taken(inlet), ['1 ended'])
})

t.test('an input that nothing feeds has ended from the beginning', async (t) => {
  const { inlet, senders } = inletOf([0, 2], 3)
  t.ok(inlet.readable)
  senders[0]!.push('first', undefined, -1)
  senders[0]!.flush()
  t.same(taken(inlet), ['1 ended', '0: first'])
})

t.test('a chain with one input is told of none', async (t) => {
  const { inlet, senders } = inletOf([0, 0], 1)
  for (const sender of senders) sender.signal(end)
  t.same(taken(inlet), ['end'])
})

t.test('what nobody needs any more has an end, but no input', async (t) => {
  const { inlet, senders } = inletOf([0, 1], 2)
  senders[0]!.signal(end)
  inlet.cancel()
  t.ok(senders.every(({ cancelled }) => cancelled))
  senders[1]!.signal(end)
  t.same(taken(inlet), ['end'])
})

t.test('an input whose sender is replaced speaks again', async (t) => {
  const { inlet, senders, open } = inletOf([0, 1], 2)
  senders[1]!.signal(end)
  t.same(taken(inlet), ['1 ended'])
  const fresh = open(1)
  inlet.replace(fresh.input)
  t.same(taken(inlet), ['1 active'])
  fresh.output.signal(end)
  senders[0]!.signal(end)
  t.same(taken(inlet), ['0 ended', '1 ended', 'end'])
})

t.test(
  'an input without event time holds no watermark back, and does not keep from idling',
  async (t) => {
    const { inlet, senders } = inletOf([0, 1], 2, [true, false])
    const [events, rules] = senders
    events!.signal({ tag: WATERMARK, timeMs: 5 })
    t.same(taken(inlet), ['w5'])
    rules!.signal({ tag: WATERMARK, timeMs: 1 })
    rules!.push('rule', undefined, -1)
    rules!.flush()
    t.same(taken(inlet), ['1: rule'])
    events!.signal({ tag: IDLE, active: false })
    t.same(taken(inlet), ['0 idle', 'idle'])
    events!.signal({ tag: IDLE, active: true })
    events!.signal({ tag: WATERMARK, timeMs: 7 })
    t.same(taken(inlet), ['0 active', 'active', 'w7'])
    events!.signal(end)
    t.same(taken(inlet), ['0 ended', 'idle'], 'nothing holds time back any more')
    rules!.signal(end)
    t.same(taken(inlet), ['1 ended', 'end'])
  },
)
