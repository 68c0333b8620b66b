/**
 * One job over keyed state, in a process of its own: `one.js <backend> <spread> <keys> <cache MiB> <records>`.
 * Writes a line of JSON: records per second after the state is there, and memory.
 */
import { readFileSync } from 'node:fs'
import { keyBy, map, pipeline, scan } from 'millrace'
import { run } from 'millrace/actors'
import { blackhole, generate } from 'millrace/connectors'
import { keyOf, type Spread } from './spread.js'

const [backend, spread, keysText, cacheText, recordsText] = process.argv.slice(2)
const keys = Number(keysText)
const records = Number(recordsText)

interface Account {
  readonly count: number
  readonly total: number
  readonly lastPrice: number
  readonly city: string
}

const CITIES = Array.from({ length: 500 }, (_, i) => `city ${i}`)
const first: Account = { count: 0, total: 0, lastPrice: 0, city: '' }
let filledMs = 0
let endedMs = 0
let filledCpu = 0
let endedCpu = 0
let told = 0
let filledThreadMs = 0
let endedThreadMs = 0
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
/** Of the thread that the job runs in. */
const threadMs = (): number =>
  Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6

const accounts = pipeline('accounts', (flow) =>
  flow
    .from(generate(keys + records, (n) => n))
    .pipe(
      map((n) => {
        if (n === keys) {
          filledMs = performance.now()
          filledCpu = cpuMs()
          filledThreadMs = threadMs()
        }
        const account = n < keys ? n : keyOf(spread as Spread, n, keys)
        return { account, price: (n * 7_919) % 10_007 }
      }),
      keyBy(({ account }) => account),
      scan(
        ({ count, total }, { account, price }) => ({
          count: count + 1,
          total: total + price,
          lastPrice: price,
          city: CITIES[account % CITIES.length]!,
        }),
        first,
        { name: 'accounts' },
      ),
      map((row) => {
        if (++told === keys + records) {
          endedMs = performance.now()
          endedCpu = cpuMs()
          endedThreadMs = threadMs()
        }
        return row
      }),
    )
    .to(blackhole()),
)

const state =
  backend === 'level' ? ({ backend: 'level', cacheMb: Number(cacheText) } as const) : 'heap'
await run(accounts, { stallWatch: false, state }).done
const status = readFileSync('/proc/self/status', 'utf8')
const mib = (name: string): number =>
  Math.round(Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)![1]) / 1024)
console.log(
  JSON.stringify({
    perSecond: Math.round((records * 1_000) / (endedMs - filledMs)),
    cpuUsPerRecord: Math.round(((endedCpu - filledCpu) * 100_000) / records) / 100,
    threadUsPerRecord: Math.round(((endedThreadMs - filledThreadMs) * 100_000) / records) / 100,
    rssMiB: mib('VmRSS'),
    peakMiB: mib('VmHWM'),
    anonMiB: mib('RssAnon'),
  }),
)
