import t from 'tap'
import { createHostLimits, hostOf } from '../../../lib/transport/host-limits.js'

const count = (times: number, admits: () => boolean): number =>
  Array.from({ length: times }, admits).filter((isIn) => isIn).length

t.test('a host opens so many at once, and so many a second in the long run', async (t) => {
  const limits = createHostLimits(10, 5)
  t.equal(
    count(100, () => limits.admits('10.0.0.1', 0)),
    10,
  )
  t.equal(
    count(100, () => limits.admits('10.0.0.2', 0)),
    10,
    'another host has its own',
  )
  let ms = 0
  t.equal(
    count(1_000, () => {
      ms += 10
      return limits.admits('10.0.0.1', ms)
    }),
    50,
    'in ten seconds',
  )
  t.equal(
    count(100, () => limits.admits('10.0.0.1', 1_000_000)),
    10,
    'and never more than that at once',
  )
})

t.test('however many hosts come, those that went over their limit are remembered', async (t) => {
  const limits = createHostLimits(3, 1)
  t.equal(
    count(9, () => limits.admits('10.1.0.1', 0)),
    3,
  )
  for (let i = 0; i < 4_000; i++) limits.admits(`10.0.${i >> 8}.${i & 255}`, 0)
  t.notOk(limits.admits('10.1.0.1', 1))
})

t.test('a host is an IPv4 address, however it is written, or an IPv6 network', async (t) => {
  const hosts: Readonly<Record<string, string>> = {
    '10.0.0.1': '10.0.0.1',
    '::ffff:10.0.0.1': '10.0.0.1',
    '::ffff:0a00:0001': '10.0.0.1',
    '0000:0000:0000:0000:0000:ffff:0a00:0001': '10.0.0.1',
    '::1': '0:0:0:0',
    '2001:db8::1': '2001:db8:0:0',
    '2001:0db8:0000:0000:ffff:ffff:ffff:ffff': '2001:db8:0:0',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2',
    'fe80::1%eth0': 'fe80:0:0:0',
    '': '',
  }
  for (const [address, host] of Object.entries(hosts)) t.equal(hostOf(address), host, address)
})
