/**
 * The other thread of the channel benchmark: sends every frame back, or takes every batch of a
 * channel and closes the link at its end.
 */
import { type MessagePort, workerData } from 'node:worker_threads'
import { createLinkRouter } from '../../lib/channel/link-router.js'
import { createCreditLedger } from '../../lib/credit/ledger.js'
import { END } from '../../lib/operators/signal.js'
import { createMessagePortLink } from '../../lib/transport/message-port.js'

const { port, role } = workerData as { port: MessagePort; role: 'echo' | 'consume' }
const link = createMessagePortLink(port, 'bench')

if (role === 'echo') echo()
else consume()

function echo(): void {
  for (let frame = link.poll(); frame !== null; frame = link.poll()) link.send(frame)
  link.onReadable(echo)
  link.arm()
}

function consume(): void {
  const router = createLinkRouter()
  router.attach(link, { session: 1 })
  const { accounts } = createCreditLedger({ channels: 1, exclusive: 2, floating: 8 })
  const id = { edge: 0, from: 0, to: 0 }
  const input = router.openInput({ id, attempt: 1, peer: 'bench', credits: accounts[0]! })
  const turn = (): void => {
    while (router.poll()) {
      for (let signal = input.take(); signal !== null; signal = input.take()) {
        if (signal.tag === END) link.close()
      }
    }
    router.arm()
  }
  router.onReadable = () => setImmediate(turn)
  link.send(new ArrayBuffer(8))
  turn()
}
