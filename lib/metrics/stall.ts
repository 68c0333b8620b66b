/**
 * Decides from samples of the counters whether a subtask is stuck. Pure: no clock, no thread.
 *
 * A subtask is stuck while its progress does not move and
 * - a turn of it is running (an endless loop, a native call), or
 * - it has input, no turn runs at all, and its thread's event loop does not turn either (code outside
 *   of turns — a timer of the user's — blocks the thread).
 *
 * Idle, waiting for credit, or waiting for a promise is never stuck: no turn runs, the loop turns.
 * A caller that was itself held up (a paused process) must not blame others: samples further apart
 * than `gapMsMax` start all measurements anew.
 */

/** What one sample sees of one subtask; see counters.ts. */
export interface StallReading {
  readonly progress: number
  readonly inTurn: boolean
  readonly hasInput: boolean
}

export interface StallLimits {
  /** Reported once per stall after this time. */
  readonly reportMs: number
  /** To be killed after this time. ≥ `reportMs`. */
  readonly stallMs: number
  /** Longest time between two samples that can be trusted. */
  readonly gapMsMax: number
}

/** `subtask`: its place in the list of readings. */
export interface Stall {
  readonly kind: 'report' | 'kill'
  readonly subtask: number
  readonly stalledMs: number
}

export interface StallJudge {
  /** `nowMs` is monotonic, `beats` from the thread's vitals; readings always in the same order. */
  judge(nowMs: number, beats: number, readings: readonly StallReading[]): readonly Stall[]
}

interface Suspect {
  sinceMs: number
  progress: number
  said: 'nothing' | 'report' | 'kill'
}

/** For the subtasks of one thread. */
export function createStallJudge(limits: StallLimits): StallJudge {
  let suspects: (Suspect | null)[] = []
  let lastMs = Number.NEGATIVE_INFINITY
  let lastBeats = -1

  function verdict(suspect: Suspect, nowMs: number): 'report' | 'kill' | null {
    const stalledMs = nowMs - suspect.sinceMs
    if (stalledMs >= limits.stallMs) return suspect.said === 'kill' ? null : 'kill'
    return stalledMs >= limits.reportMs && suspect.said === 'nothing' ? 'report' : null
  }

  return {
    judge(nowMs, beats, readings) {
      if (nowMs - lastMs > limits.gapMsMax) suspects = []
      const threadStuck = beats === lastBeats && !readings.some((reading) => reading.inTurn)
      lastMs = nowMs
      lastBeats = beats
      const stalls: Stall[] = []
      readings.forEach((reading, subtask) => {
        const before = suspects[subtask]
        if (!reading.inTurn && !(reading.hasInput && threadStuck)) {
          suspects[subtask] = null
          return
        }
        if (before == null || before.progress !== reading.progress) {
          suspects[subtask] = { sinceMs: nowMs, progress: reading.progress, said: 'nothing' }
          return
        }
        const kind = verdict(before, nowMs)
        if (kind === null) return
        before.said = kind
        stalls.push({ kind, subtask, stalledMs: nowMs - before.sinceMs })
      })
      return stalls
    },
  }
}
