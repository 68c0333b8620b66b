/** The timers of the present key: changes of a call are made when it is over. */
import { MillraceError } from '../../base/errors.js'
import type { Timers } from '../../time/timers.js'
import type { CallScope, Undoable } from './call-scope.js'
import type { TimerRegistry } from './process-context.js'

interface Change {
  readonly kind: 'register' | 'delete'
  readonly timeMs: number
  readonly name: string
}

export class CallTimers implements TimerRegistry, Undoable {
  readonly #scope: CallScope
  readonly #operator: string
  readonly #timers: Timers
  /** Null where these timers can never fire; then the reason, with what to do about it. */
  readonly #unusable: () => string | null
  #changes: Change[] = []

  constructor(
    scope: CallScope,
    operator: string,
    timers: Timers,
    unusable: () => string | null = () => null,
  ) {
    this.#scope = scope
    this.#operator = operator
    this.#timers = timers
    this.#unusable = unusable
  }

  register(timeMs: number, name = ''): void {
    this.#change('register', timeMs, name)
  }

  delete(timeMs: number, name = ''): void {
    this.#change('delete', timeMs, name)
  }

  commit(): void {
    const { group, key } = this.#scope
    for (const { kind, timeMs, name } of this.#changes) {
      this.#timers[kind](group, key, timeMs, name)
    }
    this.#changes = []
  }

  rollback(): void {
    this.#changes = []
  }

  #change(kind: Change['kind'], timeMs: number, name: string): void {
    this.#scope.assertKeyed('a timer')
    const unusable = this.#unusable()
    if (unusable !== null) throw this.#refusal('E_NEEDS_TIME', unusable)
    if (!Number.isFinite(timeMs)) {
      const seen = `the time of a timer is a finite number of ms since 1970; seen: ${timeMs}`
      throw this.#refusal('E_BAD_ARGUMENT', seen)
    }
    if (this.#changes.length === 0) this.#scope.changed(this)
    this.#changes.push({ kind, timeMs, name })
  }

  #refusal(code: string, text: string): MillraceError {
    return new MillraceError(code, `operator "${this.#operator}": ${text}`, {
      details: { operator: this.#operator },
    })
  }
}
