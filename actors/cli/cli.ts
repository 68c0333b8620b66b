/** The command line without the process around it: arguments in, exit code out. */
import { MillraceError } from '../../lib/base/errors.js'
import { type Command, parseCommandLine } from './command-line.js'
import { EXIT, type ExitCode } from './exit.js'
import { errorText } from './messages.js'
import type { CliWorld } from './world.js'

/** Never throws: what goes wrong is said once, on standard error, and told by the exit code. */
export async function cli(argv: readonly string[], world: CliWorld): Promise<ExitCode> {
  const command = parseCommandLine(argv, world.version)
  try {
    return await carryOut(command, world)
  } catch (thrown) {
    // What is no failure of the world is a fault of ours, and its stack is what we need to mend it.
    const stacks = !(thrown instanceof MillraceError) || isVerbose(command)
    world.stderr.write(`millrace: ${errorText(thrown, stacks)}\n`)
    return thrown instanceof MillraceError ? EXIT.wrongUsage : EXIT.failed
  }
}

async function carryOut(command: Command, world: CliWorld): Promise<ExitCode> {
  switch (command.kind) {
    case 'Show':
      world.stdout.write(command.text)
      return EXIT.finished
    case 'WrongUsage':
      world.stderr.write(`millrace: ${command.message}\n`)
      return EXIT.wrongUsage
    case 'Explain': {
      const { explainCommand } = await import('./explain.js')
      return explainCommand(command, world)
    }
    case 'Run': {
      const { runCommand } = await import('./run.js')
      return runCommand(command, world)
    }
    case 'Coordinator':
    case 'Node':
    case 'Dev': {
      const { processCommand } = await import('./processes.js')
      return processCommand(command, world)
    }
    case 'Submit': {
      const { submitCommand } = await import('./submit.js')
      return submitCommand(command, world)
    }
    case 'Cluster': {
      const { clusterCommand } = await import('./cluster.js')
      return clusterCommand(command, world)
    }
    case 'Snapshots': {
      const { snapshotsCommand } = await import('./snapshots.js')
      return snapshotsCommand(command, world)
    }
    case 'StateRead': {
      const { stateReadCommand } = await import('./state-read.js')
      return stateReadCommand(command, world)
    }
  }
}

const isVerbose = (command: Command): boolean => 'verbose' in command && command.verbose
