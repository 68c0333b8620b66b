/** How something that was asked for has ended; `isOver` false: it has not. */
export interface AskedFor {
  /** Null: well, or not yet. */
  code: string | null
  isOver: boolean
}

export function outcomeOf(asked: Promise<unknown>): AskedFor {
  const outcome: AskedFor = { code: null, isOver: false }
  asked.then(
    () => {
      outcome.isOver = true
    },
    (error: { code?: string }) => {
      outcome.isOver = true
      outcome.code = error.code ?? 'none'
    },
  )
  return outcome
}
