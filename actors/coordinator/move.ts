/** A job is being given another life, with as many slots. Whoever asked for it may be told before that life runs. */
export class Move {
  readonly slots: number
  /** Its life has begun, and does not run yet. */
  isArriving = false
  /** Rejects when it is given up, with the reason. */
  readonly givenUp: Promise<never>
  giveUp!: (reason: Error) => void

  constructor(slots: number) {
    this.slots = slots
    this.givenUp = new Promise((_, reject) => {
      this.giveUp = reject
    })
    this.givenUp.catch(() => {})
  }
}
