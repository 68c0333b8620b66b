/**
 * The control plane of a cluster under a virtual clock, with a network that delays, resets, cuts one way
 * and both ways, and processes that pause, die and come back. One seed decides everything. What is shown
 * is what was sent, once; every job ends; nothing is left behind.
 *
 * The oracle itself is tested by mutants: each protection taken away must be seen.
 */
import t from 'tap'
import type { ClusterMutant } from '../support/cluster-seeds.js'
import type { Outcome } from '../support/cluster-simulation.js'
import { runSeeds, type SeedTime, timesOf } from '../support/seed-threads.js'
import { testSeed } from '../support/test-seed.js'

const SEED = testSeed(1)
const SEEDS = Number(process.env.MILLRACE_SEEDS ?? (process.env.CI_FULL ? 5_000 : 1_000))
t.comment(`MILLRACE_SEEDS=${SEEDS}`)

t.setTimeout(900_000)

const THREAD = new URL('../support/cluster-seeds.js', import.meta.url)

t.test(`${SEEDS} seeds: every job ends, with every row shown once`, async (t) => {
  let faults = 0
  let slots = 0
  let returns = 0
  let adopted = 0
  let begunAgain = 0
  const each: SeedTime[] = []
  const beganMs = performance.now()
  const keepGoing = process.env.KEEP_GOING !== undefined
  await runSeeds<null, Outcome>(THREAD, { first: SEED, seeds: SEEDS }, null, (told) => {
    const { seed, outcome, cpuMs } = told
    each.push({ seed, cpuMs })
    faults += outcome.faults
    slots += outcome.slots
    returns += outcome.returns
    adopted += outcome.adopted
    begunAgain += outcome.begunAgain
    if (process.env.SHOW_EVENTS !== undefined) t.comment(outcome.events.join('\n'))
    if (outcome.verdict === null) return true
    t.fail(`MILLRACE_SEED=${seed} MILLRACE_SEEDS=1: ${outcome.verdict}`)
    return keepGoing
  })
  t.comment(
    `${faults} faults, ${slots} slots, ${returns} returns, ${adopted} jobs adopted, ` +
      `${begunAgain} begun again; ${timesOf(each, beganMs)}`,
  )
  t.equal(each.length, SEEDS, 'every seed has told its outcome')
  t.ok(faults >= SEEDS, 'there were at least as many faults as seeds')
  t.ok(slots >= SEEDS, 'and as many slots')
  t.ok(returns >= SEEDS / 10, 'nodes connected again and went on')
  t.ok(adopted >= SEEDS / 5, 'jobs went on under the next coordinator')
  t.ok(begunAgain >= SEEDS / 20, 'and could not, where something was in doubt')
})

const MUTANTS: Readonly<Partial<Record<ClusterMutant, RegExp>>> = {
  'places are not released': /slots taken|not done/,
  'jobs are placed slot by slot': /not done|slots taken/,
  'splits of a former attempt count': /rows were shown/,
  'what is prepared is shown': /is shown, and no snapshot holds it/,
  'a lost slot is not told of': /not done|slots taken/,
  'what is in doubt is adopted': /not done|is adopted at/,
  'splits that were given are handed out again': /shown twice|given twice/,
  'rounds are numbered anew': /begun twice/,
  'links that were lost are adopted': /not done/,
  'a kept slot goes on by itself': /two attempts .* live|hosts|twice|not done/,
  'no lease ends': /two attempts .* are live/,
  'a coordinator deploys at once': /two attempts .* are live/,
  'what was killed is not waited for': /two attempts .* are live/,
  'what is deployed is not durable': /begins, and what is deployed is/,
  'an earlier term is served':
    /committed by .* and by|goes on from round 0|begins, and what is deployed is/,
  'another one of the same term is served':
    /committed by .* and by|goes on from round 0|begins, and what is deployed is/,
  'number of a frame is not checked': /shown twice|given twice|rows were shown/,
  'frames of another attempt are taken': /shown twice|given twice|rows were shown/,
}
/** Frames that nothing refuses are harmful in few seeds. */
const LOOKED_AT: Readonly<Partial<Record<ClusterMutant, number>>> = {
  'frames of another attempt are taken': 1_000,
}
for (const [mutant, seen] of Object.entries(MUTANTS)) {
  t.test(`the oracle sees a mutant: ${mutant}`, async (t) => {
    const name = mutant as ClusterMutant
    const verdict = await firstVerdict(name, LOOKED_AT[name] ?? 300)
    t.match(verdict ?? 'nothing was seen', seen)
    t.comment(verdict)
  })
}

/**
 * Checks of a frame stand one behind another, so that not each of them alone can be seen missing. (That each refuses
 * what it is to refuse: `test/lib/channel/remote.test.ts`.)
 *
 * - Session: where a connection is lost the regions on it are aborted, and open at a higher attempt before a channel
 *   opens on the next one. So a frame of another session is one of an older attempt, too, which is refused first.
 * - Attempt: each sender numbers its frames from 1, and a receiver takes no number but the next. Where it takes one
 *   of another attempt, the present sender's own frame of that number fails the channel, before a barrier behind it
 *   has come: what was taken is in no snapshot. But for an end, behind which nothing comes: there it is the last wall,
 *   and all that an attempt has sent, from its first frame on, would have to come into the next one. What is taken of
 *   another attempt whatever its number is seen: 'frames of another attempt are taken', above.
 */
for (const mutant of [
  'session of a frame is not checked',
  'attempt of a frame is not checked',
] as const) {
  t.test(`what another check refuses, too, shows nothing: ${mutant}`, async (t) => {
    t.equal(await firstVerdict(mutant, 50), null)
  })
}

t.test(
  'without leases and waiting attempts run beside each other, and nothing is shown twice',
  async (t) => {
    const ends: string[] = []
    const broken: string[] = []
    await runSeeds<ClusterMutant, Outcome>(
      THREAD,
      { first: SEED, seeds: 50 },
      'no lease ends and nobody waits',
      ({ outcome }) => {
        if (outcome.end !== null) ends.push(outcome.end)
        broken.push(...outcome.broken)
        return true
      },
    )
    t.same(ends, [])
    t.ok(broken.length > 0, 'some did')
    t.same(
      broken.filter((law) => !/^two attempts .* are live/.test(law)),
      [],
      'and no other law was broken',
    )
  },
)

async function firstVerdict(mutant: ClusterMutant, seeds: number): Promise<string | null> {
  let found: string | null = null
  await runSeeds<ClusterMutant, Outcome>(THREAD, { first: SEED, seeds }, mutant, (told) => {
    const { verdict } = told.outcome
    if (verdict === null) return true
    found ??= `seed ${told.seed}: ${verdict.split('\n', 1)[0]}`
    return false
  })
  return found
}
