/** Snapshots as lines for people. Pure. */
import type {
  OperatorDescription,
  OperatorDifference,
  SnapshotDescription,
  SnapshotDifference,
} from '../../lib/snapshot/describe.js'
import type { Verified } from '../../lib/snapshot/verify.js'
import { showBytes, showDuration, showWhole } from './quantity.js'
import { type Column, tableText } from './table.js'

/** A snapshot in a list: described, or what is wrong with its manifest. */
export type Listed =
  | { readonly number: number; readonly description: SnapshotDescription }
  | { readonly number: number; readonly damage: string }

const LIST: readonly Column[] = [
  { title: 'ROUND', right: true },
  { title: 'KIND' },
  { title: 'TAKEN' },
  { title: 'TOOK', right: true },
  { title: 'SIZE', right: true },
  { title: 'NEW', right: true },
  { title: 'PIPELINE' },
]

export function listText(place: string, listed: readonly Listed[]): string {
  if (listed.length === 0) return `There are no snapshots in ${place}.\n`
  const rows = listed.map((each) =>
    'damage' in each ? [String(each.number), 'damaged', '', '', '', '', ''] : listRow(each),
  )
  const damages = listed.flatMap((each) => ('damage' in each ? [`${each.damage}\n`] : []))
  return tableText(LIST, rows) + damages.join('')
}

function listRow({ number, description }: Extract<Listed, { description: object }>): string[] {
  const { kind, startedMs, durationMs, bytes, newBytes, pipeline } = description
  const isNew = newBytes === null ? '' : showBytes(newBytes)
  return [
    String(number),
    kind,
    timeText(startedMs),
    showDuration(durationMs),
    showBytes(bytes),
    isNew,
    pipeline,
  ]
}

const OPERATORS: readonly Column[] = [
  { title: 'OPERATOR' },
  { title: 'KIND' },
  { title: 'SUBTASKS', right: true },
  { title: 'SIZE', right: true },
  { title: 'ROWS', right: true },
  { title: 'ALIGNED FOR', right: true },
  { title: 'BESIDE' },
]

export function showText(place: string, described: SnapshotDescription): string {
  const { kind, round, pipeline, startedMs, durationMs, mode, bytes, chunks } = described
  const facts = [
    ['taken', `${timeText(startedMs)}, in ${showDuration(durationMs)}, ${mode}`],
    ['size', `${showBytes(bytes)} in ${count(chunks, 'chunk')}${newText(described)}`],
    ...(described.inFlightBytes > 0
      ? [['in flight', `${showBytes(described.inFlightBytes)}, overtaken by the barriers`]]
      : []),
    ['aligned for', `${showDuration(described.alignmentMs)} at most`],
    ['key groups', String(described.maxParallelism)],
    ['run', described.run],
  ]
  return (
    `${kind} ${round} of pipeline "${pipeline}" in ${place}\n` +
    facts.map(([name, value]) => `  ${name!.padEnd(12)}${value}\n`).join('') +
    '\n' +
    tableText(OPERATORS, described.operators.map(operatorRow))
  )
}

const newText = ({ bytes, newBytes }: SnapshotDescription): string =>
  newBytes === null || bytes === 0
    ? ''
    : `, ${showBytes(newBytes)} of it new since the snapshot before`

const operatorRow = (operator: OperatorDescription): string[] => [
  operator.name,
  operator.kind,
  String(operator.parallelism),
  showBytes(operator.bytes),
  showWhole(operator.rows),
  showDuration(operator.alignmentMs),
  besideText(operator),
]

/** What it holds beside state, and subtasks that no longer ran. */
function besideText(operator: OperatorDescription): string {
  const { splits, transactions, inFlightBytes, phases } = operator
  return [
    splits > 0 ? count(splits, 'split') : '',
    transactions > 0 ? count(transactions, 'transaction') : '',
    inFlightBytes > 0 ? `${showBytes(inFlightBytes)} in flight` : '',
    phases.ended > 0 ? `${phases.ended} ended` : '',
    phases.finished > 0 ? `${phases.finished} finished` : '',
  ]
    .filter((text) => text !== '')
    .join(', ')
}

export function verifiedText({ number, bytes, chunks, damage }: Verified): string {
  if (damage.length === 0) {
    return `snapshot ${number} is whole: ${showBytes(bytes)} in ${count(chunks, 'chunk')}\n`
  }
  const lines = damage.map(({ message }) => `  ${message}\n`)
  return `snapshot ${number} is DAMAGED:\n${lines.join('')}`
}

const DIFFERENCE: readonly Column[] = [
  { title: 'OPERATOR' },
  { title: '' },
  { title: 'SUBTASKS', right: true },
  { title: 'SIZE BEFORE', right: true },
  { title: 'AFTER', right: true },
  { title: 'DIFFERENCE', right: true },
]

export function differenceText({ from, to, bytes, operators }: SnapshotDifference): string {
  return (
    `snapshot ${from} → ${to}: ${signedBytes(bytes)}\n\n` +
    tableText(DIFFERENCE, operators.map(differenceRow))
  )
}

function differenceRow({ name, change, before, after }: OperatorDifference): string[] {
  const bytes = (operator: OperatorDescription | null) =>
    operator === null ? '' : showBytes(operator.bytes)
  const subtasks = [before, after].flatMap((each) => (each === null ? [] : [each.parallelism]))
  return [
    name,
    change,
    [...new Set(subtasks)].join(' → '),
    bytes(before),
    bytes(after),
    signedBytes((after?.bytes ?? 0) - (before?.bytes ?? 0)),
  ]
}

const signedBytes = (bytes: number): string =>
  bytes === 0 ? 'same size' : `${bytes > 0 ? '+' : '−'}${showBytes(Math.abs(bytes))}`

const count = (n: number, what: string): string => `${showWhole(n)} ${what}${n === 1 ? '' : 's'}`

/** `2026-01-01 00:00:07 UTC`. */
const timeText = (ms: number): string =>
  `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
