/** `npm run nexmark -- generate|run|baseline|all …` */
import { MillraceError } from '../../lib/base/errors.js'
import { ALL_FLAGS, runAll } from './all.js'
import { describe, type Flag, parseFlags } from './flags.js'
import { GENERATE_FLAGS, generate } from './generate.js'
import { BASELINE_FLAGS, runBaseline } from './run-baseline.js'
import { RUN_FLAGS, runQuery } from './run-query.js'

interface Command {
  readonly what: string
  readonly flags: readonly Flag[]
  run(args: readonly string[]): Promise<void>
}

/** What the user has given is at fault: no stack is needed. */
const EXPECTED = ['E_BAD_ARGUMENT', 'E_NO_DATA']

const printed = (value: unknown): void => console.log(JSON.stringify(value))

const COMMANDS: Readonly<Record<string, Command>> = {
  generate: {
    what: 'writes a data set into a directory',
    flags: GENERATE_FLAGS,
    run: async (args) => generate(parseFlags('generate', args, GENERATE_FLAGS)),
  },
  run: {
    what: 'runs a query once, and prints what it took as one line of JSON',
    flags: RUN_FLAGS,
    run: async (args) => printed(await runQuery(parseFlags('run', args, RUN_FLAGS))),
  },
  baseline: {
    what: 'runs the hand-written loop of a query once, over a data set of one partition',
    flags: BASELINE_FLAGS,
    run: async (args) => printed(runBaseline(parseFlags('baseline', args, BASELINE_FLAGS))),
  },
  all: {
    what: 'runs all queries, or those named, beside their loops, and prints a table; --data keeps the data sets',
    flags: ALL_FLAGS,
    run: async (args) => runAll(parseFlags('all', args, ALL_FLAGS)),
  },
}

async function main([name = '', ...args]: readonly string[]): Promise<number> {
  const command = COMMANDS[name]
  if (command !== undefined) {
    await command.run(args)
    return 0
  }
  console.error(usage())
  return name === 'help' ? 0 : 2
}

const usage = (): string =>
  [
    `usage: npm run nexmark -- ${Object.keys(COMMANDS).join('|')} [--flag value …]`,
    ...Object.entries(COMMANDS).map(
      ([name, { what, flags }]) => `\n${name}: ${what}\n${describe(flags)}`,
    ),
  ].join('\n')

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  const isExpected = error instanceof MillraceError && EXPECTED.includes(error.code)
  console.error(isExpected ? `nexmark: ${error.message}` : error)
  return isExpected ? 2 : 1
})
