/** `npm run bench -- cost|latency|micro|windows|snapshots|state|hosts [--quick] [--reps N] [--job NAME,…]` */
import { parseArgs } from 'node:util'

const USAGE = `usage: npm run bench -- cost|latency|micro|windows|snapshots|state|hosts [--quick] [--reps N] [--job NAME,...]

  cost     the same jobs as a loop, as plain RxJS and as Millrace; ratios
  latency  one exchange between two slots under open-loop load; percentiles
  micro    codec, channel, mailbox, fused loop, line reading
  windows  heap per key, timers per second, sliding beside tumbling windows
  state    state larger than the cache of the level backend, beside the heap
  snapshots  freezing, encoding and restoring state; jobs with checkpoints beside jobs without
  hosts    two processes on loopback: links, idle channels, one job on nodes beside slots
  --quick  small sizes, one repetition: for trying it out, not for quoting
`

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  reps: { type: 'string' },
  job: { type: 'string', default: '' },
  help: { type: 'boolean', short: 'h', default: false },
} as const

function readArguments() {
  try {
    return parseArgs({ allowPositionals: true, options: OPTIONS })
  } catch (error) {
    // The rest of what it says is on how to give a file name that looks like a flag.
    usage((error as Error).message.split('. ')[0]!)
    return null
  }
}

async function main(): Promise<number> {
  const given = readArguments()
  if (given === null) return 2
  const { values, positionals } = given
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const quick = values.quick
  const reps = Number(values.reps ?? (quick ? 1 : 5))
  const jobs = values.job.split(',').filter((name) => name !== '')
  if (!(Number.isInteger(reps) && reps >= 1)) {
    return usage(`--reps: expected a whole number from 1 on, seen '${values.reps}'`)
  }
  switch (positionals.join(' ')) {
    case 'cost': {
      const { costBench } = await import('./cost/main.js')
      await costBench({ quick, reps, jobs })
      return 0
    }
    case 'latency': {
      const { latencyBench } = await import('./latency/main.js')
      await latencyBench({ quick })
      return 0
    }
    case 'micro': {
      const { microBench } = await import('./micro/main.js')
      await microBench({ quick, reps })
      return 0
    }
    case 'windows': {
      const { windowsBench } = await import('./windows/main.js')
      await windowsBench({ quick, reps })
      return 0
    }
    case 'state': {
      const { stateBench } = await import('./state/main.js')
      await stateBench({ quick, reps })
      return 0
    }
    case 'snapshots': {
      const { snapshotsBench } = await import('./snapshots/main.js')
      await snapshotsBench({ quick, reps })
      return 0
    }
    case 'hosts': {
      const { hostsBench } = await import('./hosts/main.js')
      await hostsBench({ quick, reps, jobs })
      return 0
    }
    default:
      return usage(`expected the name of one benchmark, seen '${positionals.join(' ')}'`)
  }
}

function usage(why: string): number {
  console.error(`${why}\n\n${USAGE}`)
  return 2
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error)
  return 1
})
