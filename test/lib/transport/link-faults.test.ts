/** Connections over a line that breaks, stands still, or changes what passes. */
import t from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import { dialControl } from '../../../lib/transport/dial.js'
import { beginData, decodeFrame, sealFrame, stampData } from '../../../lib/wire/frame.js'
import { controlPair, dataPair, dialOptions, engines, startHost } from '../../support/node-pair.js'
import { promptly } from '../../support/promptly.js'
import { startTcpProxy } from '../../support/tcp-proxy.js'
import { testSeed } from '../../support/test-seed.js'
import { until } from '../../support/until.js'

const SEED = testSeed(1)

for (const engine of await engines()) {
  t.test(`a line that fails, to ${engine}`, async (t) => {
    const host = await startHost(engine)
    t.teardown(() => host.listener.close())

    t.test('RST ends the connection at both ends, at once', async (t) => {
      const proxy = await startTcpProxy(host.listener.port)
      const ends = await controlPair(host, { url: proxy.url })
      const told: unknown[] = []
      for (const end of ends) end.onClose((reason) => told.push(reason))
      const resetMs = performance.now()
      proxy.reset()
      await until(() => told.length === 2)
      promptly(t, 'told', performance.now() - resetMs, 500)
      for (const reason of told) t.match(reason, { code: 'E_LINK_CLOSED', retryable: true })
      proxy.close()
    })

    t.test('silence is not taken for an end, but seen in lastReceivedMs', async (t) => {
      const proxy = await startTcpProxy(host.listener.port)
      const [left, right] = await controlPair(host, { url: proxy.url })
      let ended = false
      left.onClose(() => {
        ended = true
      })
      const before = left.lastReceivedMs
      right.send('before')
      await until(() => left.lastReceivedMs > before)
      proxy.up = false
      proxy.down = false
      const last = left.lastReceivedMs
      for (let i = 0; i < 50; i++) right.send(i)
      for (let turn = 0; turn < 200; turn++) await new Promise<void>((r) => setImmediate(r))
      t.equal(left.lastReceivedMs, last)
      t.notOk(ended)
      left.terminate('silent')
      t.ok(ended, 'terminate waits for nobody')
      right.terminate('silent')
      proxy.close()
    })

    t.test('bytes of a message under way are signs of life', async (t) => {
      const proxy = await startTcpProxy(host.listener.port)
      const [left, right] = await controlPair(host, { url: proxy.url })
      const seen = new Set<number>()
      let came = false
      left.onMessage(() => {
        came = true
      })
      right.send('x'.repeat(900_000))
      await until(() => {
        seen.add(left.lastReceivedMs)
        return came
      })
      t.ok(seen.size > 2, `${seen.size} signs`)
      left.close()
      proxy.close()
    })

    t.test('nobody who answers is waited for only so long', async (t) => {
      const proxy = await startTcpProxy(host.listener.port)
      proxy.down = false
      const limits = { handshakeMs: 100 }
      await t.rejects(dialControl(dialOptions(host, { url: proxy.url, limits })), {
        code: 'E_CONNECT',
        retryable: true,
        message: /no answer within 100 ms/,
      })
      proxy.close()
    })

    t.test('no changed byte passes for what was sent', { timeout: 60_000 }, async (t) => {
      const random = seededRandom(SEED)
      for (let round = 0; round < 60; round++) {
        const proxy = await startTcpProxy(host.listener.port)
        const [left, right] = await dataPair(host, { url: proxy.url })
        const lane = right.openLane({ at: 'a', to: 'b' })
        const lanes: (typeof lane)[] = []
        left.onLane((one) => lanes.push(one))
        await until(() => lanes.length > 0)
        let ended = false
        left.onClose(() => {
          ended = true
        })
        let chunks = 0
        proxy.damage = (bytes) => {
          if (++chunks !== 2) return
          bytes[Math.floor(random() * bytes.length)]! ^= 1 << Math.floor(random() * 8)
        }
        for (let i = 1; i <= 40; i++) lane.send(frameOf(lane.session, i))
        let expected = 1
        let broken = false
        let turns = 0
        await until(() => {
          for (let bytes = lanes[0]!.poll(); bytes !== null && !broken; bytes = lanes[0]!.poll()) {
            try {
              // As a channel does: a wrong sum, a gap or a repeat fails it.
              broken = decodeFrame(bytes, true).sequence !== expected++
            } catch {
              broken = true
            }
          }
          turns += 1
          return broken || ended || expected > 40 || turns > 20_000
        })
        t.notOk(expected > 40 && !broken && chunks >= 2, `round ${round}`)
        left.terminate()
        right.terminate()
        proxy.close()
      }
    })
  })
}

function frameOf(session: number, sequence: number): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(8192))
  beginData(view, 0, 0, false)
  stampData(view.buffer, { edge: 0, from: 0, to: 0, attempt: 0, session, sequence }, 0)
  sealFrame(view.buffer)
  return view.buffer
}
