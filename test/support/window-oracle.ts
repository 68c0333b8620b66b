/**
 * Windows as they are defined, and nothing else: keeps every record of every window, looks at all of them
 * at every step, and shares no code with the library. Slow, and plain enough to be believed.
 */

export interface OracleEvent {
  readonly key: string
  readonly timeMs: number
  /** Different for every record. */
  readonly id: number
}

/** Result of one window: ids of the records that it shows. */
export interface OracleResult {
  readonly key: string
  readonly start: number
  readonly end: number
  readonly ids: readonly number[]
}

export type OracleAssigner =
  | { readonly kind: 'tumbling'; readonly size: number; readonly offset: number }
  | {
      readonly kind: 'sliding'
      readonly size: number
      readonly slide: number
      readonly offset: number
    }
  | { readonly kind: 'cumulating'; readonly size: number; readonly step: number }
  | { readonly kind: 'session'; readonly gap: (event: OracleEvent) => number }
  | { readonly kind: 'global' }

export type OracleTrigger =
  | { readonly kind: 'eventTime' }
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'continuous'; readonly interval: number }
  | { readonly kind: 'never' }

interface Window {
  start: number
  end: number
  events: OracleEvent[]
  shown: boolean
  /** Of the trigger: records since it fired, and when it fires next. */
  counted: number
  nextMs: number | null
  /** Times at which the trigger is called. */
  times: Set<number>
}

export class WindowOracle {
  readonly results: OracleResult[] = []
  /** Ids of records that came too late. */
  readonly late: number[] = []
  readonly #assigner: OracleAssigner
  readonly #trigger: OracleTrigger
  readonly #purges: boolean
  readonly #lateness: number
  readonly #windows = new Map<string, Window[]>()
  #watermark = -Infinity

  constructor(assigner: OracleAssigner, trigger: OracleTrigger, purges: boolean, lateness: number) {
    this.#assigner = assigner
    this.#trigger = trigger
    this.#purges = purges
    this.#lateness = lateness
  }

  /** Windows that are still kept. */
  get size(): number {
    return [...this.#windows.values()].reduce((sum, windows) => sum + windows.length, 0)
  }

  record(event: OracleEvent): void {
    const windows = this.#windows.get(event.key) ?? []
    this.#windows.set(event.key, windows)
    const spans = spansOf(this.#assigner, event)
    let dropped = true
    for (const span of spans) {
      const merged = this.#assigner.kind === 'session' ? mergeAll(windows, span) : span
      if (this.#isOver(merged.end)) continue
      dropped = false
      this.#add(this.#windowFor(windows, merged), event)
    }
    const isLate =
      this.#assigner.kind !== 'global' && event.timeMs + this.#lateness <= this.#watermark
    if (dropped && isLate) this.late.push(event.id)
  }

  watermark(timeMs: number): void {
    if (timeMs <= this.#watermark) return
    this.#watermark = timeMs
    for (const [key, windows] of this.#windows) {
      for (const window of [...windows].sort((a, b) => a.end - b.end)) this.#onTime(key, window)
      this.#windows.set(
        key,
        windows.filter(({ end }) => !this.#isOver(end)),
      )
    }
  }

  /** A restart: the last watermark comes again. */
  restore(): void {
    const last = this.#watermark
    this.#watermark = -Infinity
    this.watermark(last)
  }

  end(): void {
    if (this.#assigner.kind !== 'global') this.watermark(Infinity)
    for (const [key, windows] of this.#windows) {
      for (const window of windows) if (!window.shown) this.#fire(key, window)
    }
  }

  #isOver(end: number): boolean {
    return end !== Infinity && end - 1 + this.#lateness <= this.#watermark
  }

  /** The window with this span; sessions inside it become one with it. */
  #windowFor(windows: Window[], { start, end }: { start: number; end: number }): Window {
    const same = windows.find((window) => window.start === start && window.end === end)
    if (same !== undefined) return same
    const inside =
      this.#assigner.kind === 'session'
        ? windows.filter((window) => window.start >= start && window.end <= end)
        : []
    for (const window of inside) windows.splice(windows.indexOf(window), 1)
    const times = inside.flatMap(({ nextMs }) => (nextMs === null ? [] : [nextMs]))
    const window: Window = {
      start,
      end,
      events: inside.flatMap(({ events }) => events),
      shown: inside.every(({ shown }) => shown),
      counted: inside.reduce((sum, { counted }) => sum + counted, 0),
      nextMs: times.length === 0 ? null : Math.min(...times),
      times: new Set(times.length === 0 ? [] : [Math.min(...times)]),
    }
    windows.push(window)
    return window
  }

  #add(window: Window, event: OracleEvent): void {
    window.events.push(event)
    window.shown = false
    const isBehind = window.end - 1 <= this.#watermark
    if (isBehind) this.#ended.add(window)
    switch (this.#trigger.kind) {
      case 'eventTime':
        if (isBehind) this.#fire(event.key, window)
        break
      case 'count':
        window.counted++
        if (window.counted >= this.#trigger.count) {
          window.counted = 0
          this.#fire(event.key, window)
        }
        break
      case 'continuous': {
        const { interval } = this.#trigger
        if (isBehind) {
          this.#fire(event.key, window)
          break
        }
        window.times.add(window.end - 1)
        if (window.nextMs === null) {
          const next = (Math.floor(event.timeMs / interval) + 1) * interval
          window.nextMs = Math.min(next, window.end - 1)
          window.times.add(window.nextMs)
        }
        break
      }
      case 'never':
    }
  }

  /** The watermark has moved: the window fires as often as it would have on the way. */
  #onTime(key: string, window: Window): void {
    const last = window.end - 1
    if (this.#trigger.kind === 'eventTime') {
      if (last <= this.#watermark && !this.#ended.has(window)) {
        this.#ended.add(window)
        if (!window.shown) this.#fire(key, window)
      }
      return
    }
    if (this.#trigger.kind !== 'continuous') return
    for (;;) {
      const next = Math.min(...window.times)
      if (next === Infinity || next > this.#watermark) return
      window.times.delete(next)
      if (next !== last && next !== window.nextMs) continue
      this.#fire(key, window)
      if (next === last) continue
      window.nextMs = Math.min(next + this.#trigger.interval, last)
      window.times.add(window.nextMs)
    }
  }

  /** Windows whose end the watermark has passed. */
  readonly #ended = new Set<Window>()

  #fire(key: string, window: Window): void {
    if (window.events.length === 0) return
    const ids = window.events.map(({ id }) => id)
    this.results.push({ key, start: window.start, end: window.end, ids })
    window.shown = true
    if (this.#purges) window.events = []
  }
}

function spansOf(assigner: OracleAssigner, event: OracleEvent): { start: number; end: number }[] {
  const { timeMs } = event
  switch (assigner.kind) {
    case 'global':
      return [{ start: -Infinity, end: Infinity }]
    case 'session':
      return [{ start: timeMs, end: timeMs + assigner.gap(event) }]
    case 'tumbling':
      return around(timeMs, assigner.size, assigner.size, assigner.offset)
    case 'sliding':
      return around(timeMs, assigner.size, assigner.slide, assigner.offset)
    case 'cumulating': {
      const [base] = around(timeMs, assigner.size, assigner.size, 0)
      const spans = []
      for (let end = base!.start + assigner.step; end <= base!.end; end += assigner.step) {
        if (timeMs < end) spans.push({ start: base!.start, end })
      }
      return spans
    }
  }
}

/** All [n × slide + offset, + size) with `timeMs`, by trying every n near by. */
function around(timeMs: number, size: number, slide: number, offset: number) {
  const [t, by, shift] = [BigInt(timeMs), BigInt(slide), BigInt(offset)]
  const spans = []
  const reach = BigInt(Math.ceil(size / slide) + 2)
  const near = (t - shift) / by
  for (let n = near - reach; n <= near + reach; n++) {
    const start = n * by + shift
    if (start <= t && t < start + BigInt(size)) {
      spans.push({ start: Number(start), end: Number(start + BigInt(size)) })
    }
  }
  return spans
}

/** Joins everything that touches, again and again until nothing more does. */
function mergeAll(windows: readonly Window[], span: { start: number; end: number }) {
  let { start, end } = span
  for (let grown = true; grown; ) {
    grown = false
    for (const window of windows) {
      if (window.start > end || window.end < start) continue
      if (window.start >= start && window.end <= end) continue
      start = Math.min(start, window.start)
      end = Math.max(end, window.end)
      grown = true
    }
  }
  return { start, end }
}
