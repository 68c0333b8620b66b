/**
 * Names. A node's path is the given name of the nearest named node before it and the labels from
 * there on: `lines(hamlet.txt)/mergeMap/keyBy/count`; behind a side output `…/process:late/count`. Paths do not depend on what else is composed.
 *
 * - A given name is the name, whole; given twice it is an error.
 * - A stateful operator is called by its path: its state is found again by it, so two of one path
 *   are an error and need names.
 * - Others are numbered where a path comes twice: `…/map`, `…/map#2`. Nothing hangs on these names,
 *   and no path contains a number.
 */
import type { NodeDraft } from './draft.js'
import { MAIN } from './graph.js'
import { type Problem, placed } from './problem.js'

export interface Names {
  /** By id. */
  readonly names: readonly string[]
  readonly problems: readonly Problem[]
}

export function nameNodes(drafts: readonly NodeDraft[]): Names {
  const paths: string[] = []
  for (const draft of drafts) paths.push(draft.givenName ?? pathOf(draft, paths))
  const owners = new Map<string, NodeDraft>()
  const names = new Array<string>(drafts.length)
  const problems: Problem[] = []
  const claim = (id: number, name: string) => {
    owners.set(name, drafts[id]!)
    names[id] = name
  }
  const firm = drafts.map((draft) => draft.givenName !== null || draft.traits.stateful)
  drafts.forEach((draft, id) => {
    const other = owners.get(paths[id]!)
    if (!firm[id]) return
    if (other !== undefined) problems.push(duplicate(paths[id]!, other, draft))
    claim(id, paths[id]!)
  })
  drafts.forEach((_, id) => {
    if (!firm[id]) claim(id, freeName(paths[id]!, owners))
  })
  return { names, problems }
}

function pathOf(draft: NodeDraft, paths: readonly string[]): string {
  const before = draft.inputs.map((input, i) => {
    const output = draft.outputs?.[i] ?? MAIN
    return output === MAIN ? paths[input]! : `${paths[input]!}:${output}`
  })
  if (before.length === 0) return draft.label
  if (before.length === 1) return `${before[0]}/${draft.label}`
  return `${draft.label}(${before.join(', ')})`
}

function freeName(path: string, taken: ReadonlyMap<string, NodeDraft>): string {
  if (!taken.has(path)) return path
  let count = 2
  while (taken.has(`${path}#${count}`)) count++
  return `${path}#${count}`
}

function duplicate(name: string, first: NodeDraft, second: NodeDraft): Problem {
  const given = first.givenName !== null && second.givenName !== null
  const advice = given
    ? 'Names are unique in a pipeline: choose another for one of them.'
    : `State is found again by its operator's name: give one of them its own, ${second.kind}(…, { name: '…' }).`
  return {
    code: 'E_DUPLICATE_NAME',
    message: `${placed({ label: first.kind, at: first.at })} and ${placed({ label: second.kind, at: second.at })} are both called '${name}'. ${advice}`,
    details: { operator: name, at: second.at, other: first.at },
  }
}
