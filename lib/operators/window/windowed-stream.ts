/**
 * The stream between `window(...)` and what is made of it. It is no node of the graph: what is attached
 * to it becomes one operator with the window inside.
 */
import type { CallSite } from '../../base/call-site.js'
import { callSite } from '../../base/call-site.js'
import { MillraceError } from '../../base/errors.js'
import type { OperatorDefinition } from '../operator.js'
import { type AnyStream, attach, type Op, otherOutput } from '../stream.js'
import { windowDefinition } from './window-definition.js'
import type { WindowContent, WindowSettings } from './window-settings.js'

export class WindowedStream {
  readonly #stream: AnyStream
  readonly #settings: WindowSettings

  constructor(stream: AnyStream, settings: WindowSettings) {
    this.#stream = stream
    this.#settings = settings
  }

  pipe(...operators: Op<AnyStream, AnyStream>[]): AnyStream {
    const pipe = this.#stream.pipe as (...all: Op<AnyStream, AnyStream>[]) => AnyStream
    return pipe.call(this.#stream, () => this as unknown as AnyStream, ...operators)
  }

  to(): never {
    throw noAggregate('to', callSite())
  }

  /** Any aggregate, as it is, speaks per window. */
  [attach](
    definition: OperatorDefinition<never, unknown>,
    others: readonly AnyStream[] = [],
    site: CallSite = callSite(),
  ): AnyStream {
    const { kind, options, settings, functions, aggregation } = definition
    if (aggregation === undefined || others.length > 0) throw noAggregate(kind, site)
    return this.make(
      { kind, options, settings, functions, aggregation, apply: null, sided: false },
      site,
    )
  }

  [otherOutput](_name: string, site: CallSite = callSite()): never {
    throw noAggregate('sideOutput', site)
  }

  make(content: WindowContent, site: CallSite): AnyStream {
    return this.#stream[attach](windowDefinition(this.#settings, content), [], site)
  }
}

function noAggregate(kind: string, site: CallSite): MillraceError {
  return new MillraceError(
    'E_NO_AGGREGATE',
    `${kind} (${site()}) cannot stand behind window(…), where records are waiting for what is to be made of ` +
      'them: put count, sum, min, max, avg, reduce, aggregate or windowProcess there, and this before window ' +
      'or behind the aggregate.',
    { details: { operator: kind, at: site() } },
  )
}
