/** `millrace explain`: plans a module and shows the plan. None of it is run. */
import { explainJson, explainText } from '../../lib/graph/explain.js'
import { bundleModule } from '../planner/bundle.js'
import { planModule } from '../planner/plan-module.js'
import type { ExplainCommand } from './command-line.js'
import { EXIT, type ExitCode } from './exit.js'
import type { CliWorld } from './world.js'

export async function explainCommand(command: ExplainCommand, world: CliWorld): Promise<ExitCode> {
  const { module, args, slots, parallelism, json } = command
  const { file, warnings } = await bundleModule(module)
  for (const warning of warnings) world.stderr.write(`millrace: warning: ${warning}\n`)
  const demanded = parallelism === null ? {} : { parallelism }
  const { graph, plan } = await planModule({ file, args, slots, ...demanded })
  const text = json
    ? `${JSON.stringify(explainJson(plan, graph), null, 2)}\n`
    : explainText(plan, graph)
  world.stdout.write(text)
  return EXIT.finished
}
