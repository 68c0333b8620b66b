/** What a node may say of itself, and of others: checked before anything is made of it. */
import { inspect } from 'node:util'
import { MillraceError } from '../../lib/base/errors.js'
import { isName } from '../../lib/base/name.js'
import { parseLinkUrl } from '../../lib/transport/address.js'
import type { NodeFacts } from '../node/protocol.js'

const SLOTS_MAX = 1024
const LABELS_MAX = 64
const LABEL_LENGTH_MAX = 255
const URL_LENGTH_MAX = 300
const PID_MAX = 2 ** 32
const REASON_LENGTH_MAX = 500
const SEEN_LENGTH_MAX = 80
const REF_LENGTH_MAX = 1_000

/** People read these in tables and logs. */
const VERSION = /^[\x21-\x7e]{1,64}$/
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u

/** Throws E_BAD_NODE, which names what is wrong. */
export function checkFacts(facts: unknown): asserts facts is NodeFacts {
  must(isRecord(facts), 'facts about itself', facts)
  const { slots, labels, url, version, node, pid } = facts
  must(isWhole(slots, SLOTS_MAX), `1 to ${SLOTS_MAX} slots`, slots)
  must(isRecord(labels), 'labels by name', labels)
  const names = Object.keys(labels)
  must(names.length <= LABELS_MAX, `at most ${LABELS_MAX} labels`, names.length)
  for (const name of names) checkLabel(name, labels[name])
  must(isUrl(url), `a url such as ws://10.0.0.5:7374, of ${URL_LENGTH_MAX} characters at most`, url)
  must(isVersion(version), 'a version of 1 to 64 printable characters', version)
  must(isVersion(node), 'a version of Node.js of 1 to 64 printable characters', node)
  must(isWhole(pid, PID_MAX), 'the number of a process', pid)
}

/** What a node says of another that it has lost: the reason, as much as is told on. Throws E_BAD_NODE. */
export function checkLost(node: unknown, reason: unknown): string {
  must(typeof node === 'string' && isName(node), 'the name of the node that it has lost', node)
  must(typeof reason === 'string', 'a reason for the loss', reason)
  return reason.slice(0, REASON_LENGTH_MAX)
}

/** Slots that a node has kept. Throws E_BAD_NODE. */
export function checkRefs(refs: unknown): asserts refs is readonly string[] {
  must(Array.isArray(refs) && refs.length <= SLOTS_MAX, `at most ${SLOTS_MAX} slots`, refs)
  const isRef = (ref: unknown) => typeof ref === 'string' && ref.length <= REF_LENGTH_MAX
  for (const ref of refs) must(isRef(ref), 'the ref of a slot', ref)
}

function checkLabel(name: string, value: unknown): void {
  must(isName(name), 'a label with a name of up to 63 of a-z 0-9 . _ -', name)
  const isGood =
    typeof value === 'string' && value.length <= LABEL_LENGTH_MAX && !UNPRINTABLE.test(value)
  must(isGood, `for label ${name} up to ${LABEL_LENGTH_MAX} printable characters`, value)
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isWhole = (value: unknown, max: number): boolean =>
  Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= max

const isVersion = (value: unknown): boolean => typeof value === 'string' && VERSION.test(value)

function isUrl(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > URL_LENGTH_MAX) return false
  try {
    parseLinkUrl(value)
    return true
  } catch {
    return false
  }
}

function must(isGood: boolean, what: string, seen: unknown): asserts isGood {
  if (isGood) return
  throw new MillraceError('E_BAD_NODE', `expected of a node ${what}, saw ${shown(seen)}`, {
    details: { expected: what },
  })
}

/** It may be anything: in one short line of printable characters. */
function shown(seen: unknown): string {
  const text = inspect(seen, { depth: 0, breakLength: Number.POSITIVE_INFINITY })
  const plain = text.replace(new RegExp(UNPRINTABLE, 'gu'), '?')
  return plain.length <= SEEN_LENGTH_MAX ? plain : `${plain.slice(0, SEEN_LENGTH_MAX)}…`
}
