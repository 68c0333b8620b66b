import t from 'tap'
import { createVirtualClock } from '../../../lib/testing/virtual-clock.js'
import { createRefusalLog } from '../../../lib/transport/refusal-log.js'

t.test('one line per kind and window, then one with the count', async (t) => {
  const clock = createVirtualClock()
  const lines: string[] = []
  const log = createRefusalLog((line) => lines.push(line), clock)
  for (let i = 0; i < 2000; i++) log.refused('secret', `10.0.0.1:${i}`, 'does not hold the secret')
  log.refused('version', '', 'speaks protocol 9')
  t.same(lines, [
    'refused a connection from 10.0.0.1:0: does not hold the secret',
    'refused a connection: speaks protocol 9',
  ])
  clock.advance(60_000)
  t.same(lines.slice(2), [
    'refused 1999 more connections (secret) within 60 s, the last from 10.0.0.1:1999',
  ])
  log.refused('secret', 'b', 'again')
  t.equal(lines.at(-1), 'refused a connection from b: again', 'a new window begins with a line')
  log.refused('secret', 'c', 'again')
  log.close()
  t.match(lines.at(-1), /refused 1 more connection \(secret\)/)
  log.refused('secret', 'd', 'after the end')
  t.equal(lines.length, 5)
})

t.test('text of a peer stays one printable line', async (t) => {
  const lines: string[] = []
  const log = createRefusalLog((line) => lines.push(line), createVirtualClock())
  log.refused('x', 'a', `forged\nINFO all is well\r\u001b[2J\u202e${'y'.repeat(5000)}`)
  t.match(lines[0], /^[\x20-\x7e]{1,400}$/)
})
