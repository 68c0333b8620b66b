import t from 'tap'
import {
  formatAddress,
  isLoopback,
  parseAddress,
  parseLinkUrl,
} from '../../../lib/transport/address.js'
import { listen } from '../../../lib/transport/listen.js'
import { listenRefusal } from '../../../lib/transport/listen-policy.js'
import { identity, secrets } from '../../support/node-pair.js'

t.test('addresses are read as they are written', async (t) => {
  const addresses = ['127.0.0.1:7000', '[::1]:0', 'node-1.cluster.local:65535', 'localhost:80']
  for (const text of addresses) t.equal(formatAddress(parseAddress(text)), text)
  t.same(parseAddress(':7000'), { host: '127.0.0.1', port: 7000 })
})

t.test('what is no address is refused with an example of one', async (t) => {
  const texts = [
    '',
    '7000',
    'host',
    'host:',
    'host:70000',
    '::1:70',
    '[::1]',
    '[host]:1',
    '1.2.3:4',
    '300.1.1.1:4',
    'a b:1',
    '-x:1',
    'a/b:1',
    'h:1:2',
    '[]:1',
    'ws://h:1',
  ]
  for (const text of texts) {
    t.throws(() => parseAddress(text), { code: 'E_ADDRESS', message: /127\.0\.0\.1:7000/ }, text)
  }
})

t.test('URLs to dial name a host and a port, and nothing else', async (t) => {
  t.equal(parseLinkUrl('ws://[::1]:7000').host, '[::1]:7000')
  t.equal(parseLinkUrl('wss://host').protocol, 'wss:')
  for (const url of ['http://h:1', 'h:1', 'ws://h:1/path', 'ws://u:p@h:1', 'ws://h:1?x', 'ws://']) {
    t.throws(() => parseLinkUrl(url), { code: 'E_ADDRESS' }, url)
  }
})

t.test('only addresses of this machine are loopback', async (t) => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', '::ffff:127.0.0.1']) {
    t.ok(isLoopback(host), host)
  }
  for (const host of [
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '127.example.com',
    'localhost.evil.com',
    '128.0.0.1',
  ]) {
    t.notOk(isLoopback(host), host)
  }
})

t.test('beyond loopback a secret is needed, and TLS unless told otherwise', async (t) => {
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'db.internal']) {
    for (const hasSecret of [true, false]) {
      for (const hasTls of [true, false]) {
        for (const insecure of [true, false]) {
          const refusal = listenRefusal({ host, hasSecret, hasTls, insecure })
          const expected = !hasSecret
            ? 'E_LISTEN_NO_SECRET'
            : hasTls || insecure
              ? undefined
              : 'E_LISTEN_NO_TLS'
          t.equal(refusal?.code, expected)
        }
      }
    }
  }
  t.equal(listenRefusal({ host: '::1', hasSecret: false, hasTls: false, insecure: false }), null)
})

t.test('a listener refuses before it opens a port', async (t) => {
  const options = { self: identity('a'), log: () => {} }
  await t.rejects(listen({ ...options, address: '0.0.0.0:0', secrets: [] }), {
    code: 'E_LISTEN_NO_SECRET',
    message: /--secret-file/,
  })
  await t.rejects(listen({ ...options, address: '0.0.0.0:0', secrets }), {
    code: 'E_LISTEN_NO_TLS',
    message: /--insecure/,
  })
  const open = await listen({ ...options, address: '0.0.0.0:0', secrets, insecure: true })
  t.match(open.url, /^ws:\/\/127\.0\.0\.1:\d+$/)
  open.close()
})
