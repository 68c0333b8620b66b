/**
 * Which snapshot of a store a job goes on from. Pure: given what was found, a decision.
 *
 * Where the newest one is damaged, an older one would give what has been given out already once more:
 * sinks have committed the records between the two. That happens by itself only where nothing can come
 * twice by it (`mayRepeat`), else it is refused until someone accepts the duplicates. The same holds for
 * an older one that is asked for by number. A store whose snapshots are all damaged is never taken for an
 * empty one.
 */
import { MillraceError } from '../base/errors.js'
import type { Manifest } from './manifest.js'
import type { Verified } from './verify.js'

export interface RestoreWish {
  /** `latest`, or a number. */
  readonly wanted: 'latest' | number
  /** Every sink is idempotent or can withdraw. */
  readonly mayRepeat: boolean
  /** Whoever asks has been told, and wants it all the same. */
  readonly acceptDuplicates: boolean
}

export type RestoreChoice =
  /** The store is empty: the caller says what that means. */
  | { readonly kind: 'none' }
  | {
      readonly kind: 'restore'
      readonly manifest: Manifest
      /** Damaged ones that were passed over, newest first. */
      readonly passedOver: readonly Verified[]
    }
  /** `E_SNAPSHOT_DAMAGED`, `E_RESTORE_DUPLICATES`, `E_NO_SNAPSHOT`. */
  | { readonly kind: 'refused'; readonly error: MillraceError }

export interface RestoreFacts {
  readonly place: string
  /** Numbers of all manifests, ascending. */
  readonly numbers: readonly number[]
  /** Those that were verified: from the newest down to the first that is whole, or the one wanted. */
  readonly verified: readonly Verified[]
}

export function chooseRestore(facts: RestoreFacts, wish: RestoreWish): RestoreChoice {
  const { numbers } = facts
  const newest = numbers.at(-1)
  if (newest === undefined) {
    return wish.wanted === 'latest' ? { kind: 'none' } : refuse(noSnapshot(facts, wish.wanted))
  }
  return wish.wanted === 'latest'
    ? chooseLatest(facts, newest, wish)
    : chooseNumber(facts, newest, wish.wanted, wish)
}

function chooseLatest(facts: RestoreFacts, newest: number, wish: RestoreWish): RestoreChoice {
  const newestFirst = [...facts.verified].sort((a, b) => b.number - a.number)
  const whole = newestFirst.find(isWhole)
  if (whole === undefined) return refuse(allDamaged(facts, newestFirst))
  const passedOver = newestFirst.filter(({ number }) => number > whole.number)
  const isAllowed = passedOver.length === 0 || wish.mayRepeat || wish.acceptDuplicates
  return isAllowed
    ? { kind: 'restore', manifest: whole.manifest, passedOver }
    : refuse(newestDamaged(facts, passedOver, whole, newest))
}

function chooseNumber(
  facts: RestoreFacts,
  newest: number,
  wanted: number,
  { mayRepeat, acceptDuplicates }: RestoreWish,
): RestoreChoice {
  if (!facts.numbers.includes(wanted)) return refuse(noSnapshot(facts, wanted))
  const found = facts.verified.find(({ number }) => number === wanted)
  if (found === undefined || !isWhole(found)) return refuse(wantedDamaged(facts, wanted, found))
  return wanted === newest || mayRepeat || acceptDuplicates
    ? { kind: 'restore', manifest: found.manifest, passedOver: [] }
    : refuse(olderWanted(facts, found, newest))
}

type Whole = Verified & { readonly manifest: Manifest }

const isWhole = (verified: Verified): verified is Whole =>
  verified.damage.length === 0 && verified.manifest !== null

const refuse = (error: MillraceError): RestoreChoice => ({ kind: 'refused', error })

function newestDamaged(
  { place }: RestoreFacts,
  passedOver: readonly Verified[],
  { manifest }: Whole,
  newest: number,
): MillraceError {
  const { round } = manifest
  return new MillraceError(
    'E_SNAPSHOT_DAMAGED',
    `${damageText(passedOver)}. Snapshot ${round} in ${place} is whole, but a sink of this job cannot take ` +
      `back what it has committed since: ${rangeText(manifest, newest, passedOver)} would come twice. ` +
      `Restore the store from a backup, or accept that: --restore ${round} --accept-duplicates`,
    { cause: passedOver[0]!.damage[0], details: { place, round: newest, wholeRound: round } },
  )
}

const olderWanted = ({ place }: RestoreFacts, { manifest }: Whole, newest: number): MillraceError =>
  new MillraceError(
    'E_RESTORE_DUPLICATES',
    `snapshot ${manifest.round} in ${place} is not the newest one, and a sink of this job cannot take back ` +
      `what it has committed since: ${rangeText(manifest, newest, [])} would come twice. ` +
      `Use --restore latest, or accept that: --restore ${manifest.round} --accept-duplicates`,
    { details: { place, round: manifest.round, newest } },
  )

function allDamaged({ place }: RestoreFacts, damaged: readonly Verified[]): MillraceError {
  return new MillraceError(
    'E_SNAPSHOT_DAMAGED',
    `no snapshot in ${place} is whole: ${damageText(damaged)}. Restore the store from a backup or name a ` +
      'savepoint; to begin without state, name an empty directory',
    { cause: damaged[0]?.damage[0], details: { place } },
  )
}

function wantedDamaged(
  { place }: RestoreFacts,
  wanted: number,
  found: Verified | undefined,
): MillraceError {
  const what = found === undefined ? 'was not read' : damageText([found])
  return new MillraceError(
    'E_SNAPSHOT_DAMAGED',
    `snapshot ${wanted} in ${place} cannot be restored: ${what}. Restore another one, or the store from a backup`,
    { cause: found?.damage[0], details: { place, round: wanted } },
  )
}

const noSnapshot = ({ place, numbers }: RestoreFacts, wanted: number): MillraceError =>
  new MillraceError(
    'E_NO_SNAPSHOT',
    `${place} has no snapshot ${wanted}; it has ${numbers.length === 0 ? 'none' : numbers.join(', ')}`,
    { details: { place, number: wanted } },
  )

/** The first damage of each snapshot; how much more there is. */
function damageText(damaged: readonly Verified[]): string {
  return damaged
    .map(({ number, damage }) => {
      const more = damage.length > 1 ? ` (and ${damage.length - 1} more)` : ''
      return `snapshot ${number} is damaged: ${damage[0]?.message ?? 'unknown'}${more}`
    })
    .join('; ')
}

/** What a sink has been given behind the older one. */
function rangeText(from: Manifest, newest: number, damaged: readonly Verified[]): string {
  const until = damaged.find(({ number }) => number === newest)?.manifest
  const rounds =
    newest === from.round + 1
      ? `what round ${newest} committed`
      : `rounds ${from.round + 1} to ${newest}`
  const since = `records read from ${timeText(from.startedMs)}`
  return `${rounds} (${since}${until == null ? ' on' : ` to ${timeText(until.startedMs)}`})`
}

const timeText = (ms: number): string => new Date(ms).toISOString()
