/** `node peer-process.js uws|ws send|idle`: the listening side; it ends when its parent lets go of it. */
import { listen } from '../../lib/transport/listen.js'
import { cpuSeconds, openChannels } from './idle.js'
import { type Engine, identity, secrets } from './peer.js'
import { sendFrames } from './throughput.js'

const [engine, job] = process.argv.slice(2)

const listener = await listen({
  address: ':0',
  self: identity('listener'),
  secrets,
  engine: engine as Engine,
  log: (line) => console.error(line),
  onControl: (link) => link.onMessage((message) => link.send(message)),
  onData: (link) =>
    link.onLane((lane) => {
      if (job === 'send') sendFrames(lane)
      else openChannels(lane, 'output')
    }),
})

process.on('message', (question) => {
  process.send!(question === 'url' ? listener.url : cpuSeconds())
})
process.on('disconnect', () => {
  listener.close()
  process.exit(0)
})
