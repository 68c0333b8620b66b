/** q10 writes files in a way of its own. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../../../actors/index.js'
import { loadQuery } from '../../../benchmarks/nexmark/catalog.js'

t.test('q10 writes each bid once, as CSV in the directory of its minute', async (t) => {
  const directory = t.testdir()
  const args = { events: '6000', rate: '50', partitions: '2', sink: 'file', out: directory }
  const query = await loadQuery('q10')
  await run(query(args), { parallelism: 2 }).done
  const minutes = readdirSync(join(directory, 'dt=2015-07-15')).filter((name) => name[0] !== '.')
  t.strictSame(minutes.sort(), ['hm=0000', 'hm=0001'])
  const lines = minutes.flatMap((minute) => {
    const parts = join(directory, 'dt=2015-07-15', minute)
    const names = readdirSync(parts).filter((name) => name[0] !== '.')
    const texts = names.map((name) => readFileSync(join(parts, name), 'utf8'))
    const own = texts.join('').split('\n').slice(0, -1)
    const minuteMs = Date.UTC(2015, 6, 15, 0, minutes.indexOf(minute))
    for (const line of own) {
      const ageMs = Number(line.split(',')[3]) - minuteMs
      if (!(ageMs >= 0 && ageMs < 60_000)) t.fail(`${line} is not of ${minute}`)
    }
    return own
  })
  t.equal(new Set(lines).size, 5520)
  t.equal(lines.length, 5520)
})
