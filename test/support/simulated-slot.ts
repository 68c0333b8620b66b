/**
 * A slot of a simulated node: as a worker thread is one. Whoever kills it ends all that it does, at once; commands
 * that it has not answered then are refused.
 */
import { createLocalSlot } from '../../actors/job/local-slot.js'
import { FORWARDED } from '../../actors/node/protocol.js'
import type { Slot, SlotCommands } from '../../actors/worker/protocol.js'
import { MillraceError } from '../../lib/base/errors.js'
import type { Random } from '../../lib/base/random.js'
import type { Pipeline } from '../../lib/flow/pipeline.js'
import { SimulatedProcess } from './simulated-process.js'

/** `pipeline`: of its job, as its thread evaluates it. */
export function simulatedSlot(
  index: number,
  process: SimulatedProcess,
  random: Random,
  pipeline: (thread: SimulatedProcess) => Pipeline,
): Slot {
  const thread = new SimulatedProcess(process.name, process, 0)
  const slot = createLocalSlot(index, { clock: thread, random, watch: false })
  const { setUp, ...others } = commandsOf(slot)
  let refuse = (_error: Error) => {}
  const killed = new Promise<never>((_resolve, reject) => {
    refuse = reject
  })
  killed.catch(() => {})
  const commands = slot.commands as unknown as Record<string, Command>
  for (const [name, command] of Object.entries(others)) {
    commands[name] = (...args) => Promise.race([command(...args), killed])
  }
  commands.setUp = (setup) =>
    Promise.race([setUp!(setup, { kind: 'pipeline', pipeline: pipeline(thread) }), killed])
  slot.kill = async (reason) => {
    thread.kill()
    refuse(new MillraceError('E_WORKER_DIED', `slot ${index} is gone: ${reason}`))
  }
  return slot
}

type Command = (...args: readonly unknown[]) => Promise<unknown>

const NAMES = [
  'setUp',
  'connect',
  ...FORWARDED,
  'pause',
  'resume',
  'close',
] as const satisfies readonly (keyof SlotCommands)[]

function commandsOf({ commands }: Slot): Record<string, Command> {
  const named = commands as unknown as Record<string, Command>
  return Object.fromEntries(NAMES.map((name) => [name, named[name]!.bind(commands)]))
}
