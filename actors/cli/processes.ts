/** `millrace coordinator`, `node` and `dev`: processes that run until they are told to stop. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { MillraceError } from '../../lib/base/errors.js'
import type { ListeningOptions, NodeOptions, RunningCoordinator, RunningNode } from '../index.js'
import { clusterEventText, nodeEventText } from './cluster-text.js'
import { EXIT, type ExitCode } from './exit.js'
import { errorText } from './messages.js'
import type {
  CoordinatorCommand,
  DevCommand,
  ListenFlags,
  NodeCommand,
} from './process-commands.js'
import { joinOptions } from './reach.js'
import { Reporter } from './reporter.js'
import type { CliWorld } from './world.js'

/** A node that leaves has this long; service managers wait 30 s, by default, before they kill. */
const LEAVE_MS = 25_000

export function processCommand(
  command: CoordinatorCommand | NodeCommand | DevCommand,
  world: CliWorld,
): Promise<ExitCode> {
  const reporter = new Reporter(world, command.verbose ? 'verbose' : 'usual')
  switch (command.kind) {
    case 'Coordinator':
      return coordinatorCommand(command, world, reporter)
    case 'Node':
      return nodeCommand(command, world, reporter)
    case 'Dev':
      return devCommand(command, world, reporter)
  }
}

async function coordinatorCommand(
  command: CoordinatorCommand,
  world: CliWorld,
  reporter: Reporter,
): Promise<ExitCode> {
  const { startCoordinator } = await import('../index.js')
  const data = resolve(command.data)
  const coordinator = await startCoordinator({
    ...listeningOptions(command, world, reporter),
    data,
    ...(command.snapshotStore !== null && { snapshotStore: resolve(command.snapshotStore) }),
  })
  tellCoordinator(coordinator, reporter)
  // Before it says that it is there: a signal may come right behind that.
  const ended = untilInterrupted(world, reporter, () => {
    reporter.say('stopping: jobs stop behind a checkpoint. Ctrl-C again ends at once.')
    return coordinator.stop()
  })
  reporter.say(`coordinator at ${coordinator.url}, start ${coordinator.term} on ${data}`)
  reporter.say(`a node joins it by: millrace node --join ${coordinator.url}`)
  return ended
}

async function nodeCommand(
  command: NodeCommand,
  world: CliWorld,
  reporter: Reporter,
): Promise<ExitCode> {
  const { startNode } = await import('../index.js')
  const { slots, name, labels, advertise, copies, stateDir } = command
  const options: NodeOptions = {
    ...listeningOptions(command, world, reporter),
    join: command.join,
    labels,
    ...(slots !== null && { slots }),
    ...(name !== null && { name }),
    ...(advertise !== null && { advertise }),
    copies: copies ?? false,
    ...(stateDir !== null && { stateDirectory: stateDir }),
  }
  const node = await startNode(options)
  let isMember = false
  node.events$.subscribe(({ kind }) => {
    if (kind === 'Joined' || kind === 'Lost') isMember = kind === 'Joined'
  })
  const ended = untilInterrupted(world, reporter, () => {
    const what = isMember
      ? 'leaving: work moves to other nodes'
      : 'ending: no coordinator has it as a member that could move its work'
    reporter.say(`${what}. Ctrl-C again ends at once.`)
    return node.leave(LEAVE_MS)
  })
  reporter.say(`node ${node.name} at ${node.url}, for the coordinator at ${command.join}`)
  tellNode(node, reporter)
  return ended
}

async function devCommand(
  { listen, data, slots }: DevCommand,
  world: CliWorld,
  reporter: Reporter,
): Promise<ExitCode> {
  const { startCoordinator, startNode } = await import('../index.js')
  const directory = data === null ? await mkdtemp(join(tmpdir(), 'millrace-dev-')) : resolve(data)
  const log = (line: string) => reporter.say(line)
  const forget = async () => {
    if (data === null) await rm(directory, { recursive: true, force: true })
  }
  try {
    const listening = listen === null ? {} : { listen }
    const coordinator = await startCoordinator({ ...listening, log, data: directory })
    // Without --data nothing of it is there when it is started again.
    tellCoordinator(coordinator, reporter, data !== null)
    const hosting = slots === null ? {} : { slots }
    // Its chunks lie on this machine as it is.
    const shared = { join: coordinator.url, log, copies: false } as const
    const node = await startNode({ ...shared, name: 'dev', ...hosting })
    const ended = untilInterrupted(world, reporter, async () => {
      reporter.say('stopping: jobs stop. Ctrl-C again ends at once.')
      await coordinator.stop()
      await node.stop()
    })
    const where = listen === null ? '' : ` --coordinator ${coordinator.url}`
    reporter.say(`coordinator and node at ${coordinator.url}`)
    reporter.say(`run something: millrace submit job.ts${where}`)
    return await ended
  } finally {
    await forget()
  }
}

function listeningOptions(
  command: ListenFlags,
  world: CliWorld,
  reporter: Reporter,
): ListeningOptions {
  const { listen, tlsCert, tlsKey, insecure, connectionsPerHost } = command
  if ((tlsCert === null) !== (tlsKey === null)) throw halfTls()
  return {
    ...joinOptions(command, world, reporter),
    insecure,
    ...(listen !== null && { listen }),
    ...(connectionsPerHost !== null && { connectionsPerHost }),
    ...(tlsCert !== null && tlsKey !== null && { tls: { certFile: tlsCert, keyFile: tlsKey } }),
  }
}

function tellCoordinator({ events$ }: RunningCoordinator, reporter: Reporter, isKept = true): void {
  events$.subscribe((event) => {
    const isOver = event.kind === 'JobSuspended' && !isKept
    reporter.say(isOver ? `job ${event.job} has stopped` : clusterEventText(event))
  })
}

function tellNode({ events$ }: RunningNode, reporter: Reporter): void {
  events$.subscribe((event) => reporter.say(nodeEventText(event, reporter.detail)))
}

/** The first signal stops, a second one ends the process. */
function untilInterrupted(
  world: CliWorld,
  reporter: Reporter,
  stop: () => Promise<void>,
): Promise<ExitCode> {
  let isStopping = false
  return new Promise((resolve) => {
    world.onInterrupt(() => {
      if (isStopping) return world.exit(EXIT.interrupted)
      isStopping = true
      stop().then(
        () => {
          reporter.say('stopped')
          resolve(EXIT.finished)
        },
        (error: unknown) => {
          reporter.say(`stopped, but not cleanly: ${errorText(error, false)}`)
          resolve(EXIT.failed)
        },
      )
    })
  })
}

const halfTls = (): MillraceError =>
  new MillraceError('E_TLS', 'a certificate needs its key: give both --tls-cert and --tls-key')
