/**
 * Records what a build function composes: one draft and one runtime part per node, in the order of
 * composition. Closed once the build function has returned; what is composed later is an error.
 */
import { type CallSite, callSite } from '../base/call-site.js'
import { MillraceError } from '../base/errors.js'
import { type NodeDraft, plainTraits } from '../graph/draft.js'
import { codeHash } from '../graph/fingerprint.js'
import type { RecordErrorPolicy } from '../operators/record-error.js'
import type { NodeRuntime } from './composed.js'
import { deadLetterUse, policyText } from './policy.js'

/** A node as its kind describes it; what is left out has the plain value. */
export type NodeParts = Pick<NodeDraft, 'role' | 'kind' | 'inputs'> &
  Partial<Omit<NodeDraft, 'at' | 'code' | 'deadLetterUse' | 'onRecordError'>> & {
    readonly functions?: readonly ((...args: never[]) => unknown)[]
    /** Present where records can fail: undefined means the pipeline's policy. */
    readonly policy?: RecordErrorPolicy | undefined
  }

export class Recorder {
  readonly pipeline: string
  readonly #policy: RecordErrorPolicy
  readonly #parts: { parts: NodeParts; site: CallSite }[] = []
  readonly #runtime = new Map<number, NodeRuntime>()
  #open = true

  constructor(pipeline: string, policy: RecordErrorPolicy) {
    this.pipeline = pipeline
    this.#policy = policy
  }

  /** Returns the node's id. */
  add(parts: NodeParts, runtime: NodeRuntime, site: CallSite = callSite()): number {
    if (!this.#open) throw this.#closed(parts.kind, site)
    const id = this.#parts.push({ parts, site }) - 1
    this.#runtime.set(id, runtime)
    return id
  }

  /** Ends recording and returns the record. */
  close(): { drafts: readonly NodeDraft[]; runtime: ReadonlyMap<number, NodeRuntime> } {
    this.#open = false
    const drafts = this.#parts.map(({ parts, site }) => this.#draft(parts, site()))
    return { drafts, runtime: this.#runtime }
  }

  #draft(given: NodeParts, at: string): NodeDraft {
    const { functions = [], policy, ...parts } = given
    const own = typeof policy === 'function' ? [policy] : []
    return {
      label: parts.kind,
      givenName: null,
      traits: plainTraits,
      parallelism: null,
      chain: true,
      fusable: false,
      bounded: null,
      replays: true,
      restarts: true,
      pauses: true,
      settings: {},
      ...parts,
      deadLetterUse: 'policy' in given ? deadLetterUse(policy ?? this.#policy) : 'never',
      onRecordError: policy === undefined ? null : policyText(policy, codeHash),
      code: codeHash([...functions, ...own]),
      at,
    }
  }

  #closed(kind: string, site: CallSite): MillraceError {
    return new MillraceError(
      'E_FLOW_CLOSED',
      `${kind} (${site()}) was added to pipeline '${this.pipeline}' after its build function had returned: compose everything inside pipeline('${this.pipeline}', (flow) => …), synchronously.`,
      { details: { pipeline: this.pipeline, operator: kind, at: site() } },
    )
  }
}
