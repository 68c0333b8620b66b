/** A cluster under TLS, as the command line starts it: real processes, and what they refuse. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { certificate, otherAuthority, privateKey } from '../support/certificate.js'
import { clusterProcesses } from '../support/cli-cluster.js'

t.setTimeout(400_000)

const COUNT = fileURLToPath(new URL('../e2e/jobs/word-count.js', import.meta.url))

const FILES = {
  'cert.pem': certificate,
  'key.pem': privateKey,
  'other.pem': otherAuthority,
  'no.pem': 'not a certificate',
}

function writeFiles(dir: string) {
  const at = (name: keyof typeof FILES) => join(dir, name)
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(dir, name), text)
  return at
}

t.test('a job runs under TLS; who trusts another authority is told so', async (t) => {
  const cluster = await clusterProcesses(t, (dir) => {
    const at = writeFiles(dir)
    const serves = ['--tls-cert', at('cert.pem'), '--tls-key', at('key.pem')]
    const trusts = ['--tls-ca', at('cert.pem')]
    return { coordinator: serves, node: [...serves, ...trusts], client: [] }
  })
  const trusting = ['--tls-ca', join(cluster.dir, 'cert.pem')]
  t.match(cluster.url, /^wss:/)
  await cluster.node('a', '--slots', '1')
  await cluster.node('b', '--slots', '1')
  const submitted = await cluster.run('submit', COUNT, '--parallelism', '2', ...trusting)
  t.match(submitted, { code: 0, stderr: /running: 1 slot on .*word-count finished in/s })
  const nodes = JSON.parse((await cluster.run('nodes', '--json', ...trusting)).stdout)
  for (const { url } of nodes) t.match(url, /^wss:/, 'nodes listen with TLS, too')

  const untrusted = /shows a certificate that is not trusted: .*\(--tls-ca, tlsCa\)/
  const other = ['--tls-ca', join(cluster.dir, 'other.pem')]
  t.match(await cluster.run('list', ...other), { code: 2, stderr: untrusted }, 'another authority')
  t.match(await cluster.run('list'), { code: 2, stderr: untrusted }, 'those of Node.js')
  const stranger = await cluster.run('node', '--join', cluster.url, '--name', 'c', ...other)
  t.match(stranger, { code: 2, stderr: untrusted }, 'a node does not go on trying')
  const none = await cluster.run('list', '--tls-ca', join(cluster.dir, 'no.pem'))
  t.match(none, { code: 2, stderr: /no\.pem holds no certificate/ })
  const gone = await cluster.run('list', '--tls-ca', join(cluster.dir, 'gone.pem'))
  t.match(gone, { code: 2, stderr: /cannot read the authorities of TLS from .*gone\.pem/ })
  const plain = cluster.url.replace('wss:', 'ws:')
  t.match(await cluster.run('list', '--coordinator', plain), {
    code: 2,
    stderr: /no connection to/,
  })
})

t.test('a certificate without its key, or with another, is refused at the start', async (t) => {
  const dir = t.testdir()
  const at = writeFiles(dir)
  const cluster = await clusterProcesses(t)
  const data = ['--listen', ':0', '--data', join(dir, 'data')]
  const half = await cluster.run('coordinator', ...data, '--tls-cert', at('cert.pem'))
  t.match(half, { code: 2, stderr: /give both --tls-cert and --tls-key/ })
  const mixed = ['--tls-cert', at('other.pem'), '--tls-key', at('key.pem')]
  const wrong = await cluster.run('coordinator', ...data, ...mixed)
  t.match(wrong, { code: 2, stderr: /cannot serve TLS .*do the files exist and match/ })
  const secured = cluster.url.replace('ws:', 'wss:')
  const spoken = await cluster.run('list', '--coordinator', secured, '--tls-ca', at('cert.pem'))
  t.match(spoken, { code: 2, stderr: /no connection to wss:/ })
})
