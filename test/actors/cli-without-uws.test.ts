/** Processes on a platform for which uWebSockets.js has no binary: they serve with ws, and say so. */
import t from 'tap'
import { type Command, command, MILLRACE } from '../support/command.js'

t.setTimeout(180_000)

const WITHOUT = new URL('../support/without-uws.js', import.meta.url).href
const LINE = /uWebSockets\.js has no binary for Node [\d.]+ on this platform: serving with ws/g

const start = (args: readonly string[], env: NodeJS.ProcessEnv): Command =>
  command(MILLRACE, args, { env: { NO_COLOR: '1', ...env } })

const RUNS = [
  {
    name: 'a coordinator',
    args: ['coordinator', '--listen', '127.0.0.1:0'],
    isUp: /coordinator at/,
  },
  // A coordinator and nodes in one process.
  { name: 'dev', args: ['dev', '--listen', '127.0.0.1:0'], isUp: /run something/ },
] as const

for (const { name, args, isUp } of RUNS) {
  t.test(
    `${name} that serves with ws says so once, where uWebSockets.js does not load`,
    async (t) => {
      for (const isThere of [false, true]) {
        const data = t.testdir({})
        const env = isThere ? {} : { NODE_OPTIONS: `--import=${WITHOUT}` }
        const process = start([...args, '--data', data], { ...env, MILLRACE_SOCKETS: '' })
        await process.errors((text) => isUp.test(text))
        process.process.kill('SIGKILL')
        const { stderr } = await process.ended
        t.equal(stderr.match(LINE)?.length ?? 0, isThere ? 0 : 1, stderr)
      }
    },
  )
}
