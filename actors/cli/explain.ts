/** `millrace explain`: plans a module and shows the plan. None of it is run. */
import { explainJson, explainText } from '../../lib/graph/explain.js'
import type { Graph } from '../../lib/graph/graph.js'
import type { Plan } from '../../lib/graph/plan.js'
import { openToRead } from '../../lib/snapshot/open-to-read.js'
import { checkRestore } from '../../lib/snapshot/restore-plan.js'
import { emptyStore } from '../../lib/snapshot/store-error.js'
import { readManifest } from '../../lib/snapshot/verify.js'
import { ThreadsAhead } from '../job/threads-ahead.js'
import { bundleModule } from '../planner/bundle.js'
import { planModule } from '../planner/plan-module.js'
import type { PlannedModule } from '../planner/protocol.js'
import { EXIT, type ExitCode } from './exit.js'
import type { ExplainCommand } from './module-commands.js'
import type { CliWorld } from './world.js'

export async function explainCommand(command: ExplainCommand, world: CliWorld): Promise<ExitCode> {
  const { json, restore } = command
  const { graph, plan } = await planned(command, world)
  const report = restore === null ? '' : await restoreText(command, restore, plan, graph)
  const text = json
    ? `${JSON.stringify(explainJson(plan, graph), null, 2)}\n`
    : explainText(plan, graph)
  world.stdout.write(text)
  if (json) world.stderr.write(report)
  else world.stdout.write(report)
  return EXIT.finished
}

async function planned(command: ExplainCommand, world: CliWorld): Promise<PlannedModule> {
  const { module, args, slots, parallelism } = command
  const threads = new ThreadsAhead(0)
  threads.start()
  try {
    const { file, warnings } = await bundleModule(module)
    for (const warning of warnings) world.stderr.write(`millrace: warning: ${warning}\n`)
    const demanded = parallelism === null ? {} : { parallelism }
    return await planModule({ file, args, slots, ...demanded }, threads.takePlanner())
  } finally {
    await threads.close()
  }
}

/** What would become of each operator's state; throws where the restore would be refused. */
async function restoreText(
  { allowDroppedState }: ExplainCommand,
  directory: string,
  plan: Plan,
  graph: Graph,
): Promise<string> {
  const { store, close } = await openToRead(directory)
  try {
    const newest = (await store.manifests()).at(-1)
    if (newest === undefined) throw emptyStore(directory)
    const manifest = await readManifest(store, newest)
    const { kept, added, dropped } = checkRestore(manifest, plan, graph.nodes, allowDroppedState)
    const list = (names: readonly string[]) => (names.length === 0 ? 'none' : names.join(', '))
    return (
      `\nIt could go on from snapshot ${newest} in ${directory}\n` +
      `  kept     ${list(kept)}\n  new      ${list(added)}\n  dropped  ${list(dropped)}\n`
    )
  } finally {
    await close()
  }
}
