/**
 * A slot runtime for tests: has no subtasks, but does on `start` what `args.behaviour` of its module
 * says. Its turns count like those of a real subtask.
 */
import { execFileSync } from 'node:child_process'
import { setTimeout as later } from 'node:timers/promises'
import type { MessagePort } from 'node:worker_threads'
import { createMemoryGuard } from '../../../actors/worker/memory-guard.js'
import type { JobModule, SlotCommands, SlotSetup } from '../../../actors/worker/protocol.js'
import type { SlotHost } from '../../../actors/worker/slot-host.js'
import { errorToData, MillraceError } from '../../../lib/base/errors.js'
import { column, counterRow } from '../../../lib/metrics/counters.js'

export function createSlotRuntime(host: SlotHost): SlotCommands {
  return new MisbehavingRuntime(host)
}

class MisbehavingRuntime implements SlotCommands {
  #row: Float64Array = new Float64Array()
  #slot = 0
  #budgetBytes = 0
  #behaviour = ''
  #file = ''
  readonly #kept: unknown[] = []
  readonly #ports = new Map<number, MessagePort>()

  constructor(readonly host: SlotHost) {}

  async setUp(setup: SlotSetup, module: JobModule): Promise<void> {
    this.#slot = setup.slot
    this.#row = counterRow(setup.counters, setup.slot)
    this.#budgetBytes = setup.settings.memoryBytesMax
    if (module.kind !== 'bundle') return
    this.#file = module.file
    this.#behaviour = String(module.args.behaviour)
  }

  async snapshot(): Promise<void> {}
  async snapshotCompleted(): Promise<void> {}
  async snapshotAbandoned(): Promise<void> {}
  async snapshotHurried(): Promise<void> {}
  async clear(): Promise<void> {}
  async pause(): Promise<void> {}
  async resume(): Promise<void> {}

  async connect(peer: number, port: MessagePort): Promise<void> {
    port.on('message', (text: string) => this.#log(`from ${peer}: ${text}`))
    this.#ports.set(peer, port)
  }

  /** Fails with an error that has everything an error can have. */
  async open(region: number): Promise<void> {
    if (region === 0) return
    const cause = Object.assign(new Error('disk', { cause: new RangeError('root') }), {
      code: 'EIO',
    })
    throw new MillraceError('E_OPEN', 'cannot open', {
      cause,
      retryable: true,
      details: { region },
    })
  }

  async start(): Promise<void> {
    switch (this.#behaviour) {
      case 'throw in a timer':
        setTimeout(() => throwBoom(), 1)
        return
      case 'reject':
        void Promise.reject(new TypeError('nobody listens'))
        return
      case 'exit':
        setImmediate(() => this.#turn(() => process.exit(7)))
        return
      case 'heap limit':
        this.host.vitals.enter(0, this.#slot)
        setImmediate(allocateForEver)
        return
      case 'endless Map':
        setImmediate(() => this.#turn(growForEver))
        return
      case 'loop':
        setImmediate(() => this.#turn(loopForEver))
        return
      case 'native call':
        // Only the called process knows that the call has begun.
        return this.#turn(() => execFileSync('sh', ['-c', 'touch "$0"; sleep 4', this.#file]))
      case 'busy for 300 ms':
        return this.#turn(() => blockFor(300))
      case 'idle with input':
        this.#row[column.hasInput] = 1
        return
      case 'growing Map':
        return this.#growMap()
      case 'growing Buffers':
        return this.#untilOverBudget(() => this.#kept.push(Buffer.alloc(2 ** 20, 1)))
      case 'garbage':
        return this.#makeGarbage()
      case 'talk':
        for (const [peer, port] of this.#ports) port.postMessage(`hello ${peer}`)
        return
    }
  }

  async abort(): Promise<void> {}
  async replace(): Promise<void> {}
  async assign(): Promise<void> {}
  async close(): Promise<void> {}

  /** Never answers. */
  async enumerate(): Promise<never> {
    return new Promise(() => {})
  }

  /** Publishes what can cross, then what cannot. */
  async drain(): Promise<void> {
    await this.host.publish([1, 2])
    this.#log('taken')
    await this.host.publish([() => 0])
  }

  #log(message: string): void {
    this.host.emit({ kind: 'Log', level: 'info', message, details: this.#slot })
  }

  #turn(work: () => void): void {
    this.host.vitals.enter(0, this.#slot)
    this.#row[column.inTurn] = 1
    this.#row[column.progress]!++
    work()
    this.#row[column.inTurn] = 0
    this.host.vitals.leave()
  }

  async #growMap(): Promise<void> {
    const map = new Map<number, object>()
    this.#kept.push(map)
    await this.#untilOverBudget(() => {
      for (let i = 0; i < 20_000; i++) map.set(map.size, { seen: i })
    })
  }

  /** Allocates four times the budget, but never holds much. */
  async #makeGarbage(): Promise<void> {
    const guard = createMemoryGuard({ slot: this.#slot, budgetBytes: this.#budgetBytes })
    for (let done = 0; done < this.#budgetBytes * 4; done += 2 ** 21) {
      this.#kept[0] = Array.from({ length: 2 ** 15 }, (_, i) => ({ i }))
      this.#kept[1] = Buffer.alloc(2 ** 20)
      guard.check('pass', this.#slot)
      await later(0)
    }
  }

  async #untilOverBudget(grow: () => void): Promise<void> {
    const guard = createMemoryGuard({ slot: this.#slot, budgetBytes: this.#budgetBytes })
    for (;;) {
      this.#turn(grow)
      try {
        guard.check('count', this.#slot)
      } catch (error) {
        this.#kept.length = 0
        const subtask = { chain: 0, index: this.#slot }
        const operator = 'count'
        this.host.emit({
          kind: 'SubtaskFailed',
          subtask,
          attempt: 1,
          operator,
          error: errorToData(error),
        })
        return
      }
      await later(0)
    }
  }
}

function throwBoom(): never {
  throw new MillraceError('E_BOOM', 'boom', { cause: new Error('fuse'), details: { line: 7 } })
}

function loopForEver(): void {
  for (let i = 0; ; i++) Math.sqrt(i)
}

function blockFor(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end) Math.sqrt(2)
}

/** In small pieces, so that V8 meets its limit between two of them. */
function allocateForEver(): void {
  for (let list: object = {}; ; ) list = { list, numbers: Array(1000).fill(0.5) }
}

/** Its table doubles: the piece that would break the limit is bigger than any margin. */
function growForEver(): void {
  const map = new Map<number, object>()
  for (let i = 0; ; i++) map.set(i, { seen: [i, i, i, i] })
}
