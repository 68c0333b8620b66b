/** Each in a process of its own, in which no worker was started before. */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { command } from '../../support/command.js'

const script = fileURLToPath(new URL('./start-order.js', import.meta.url))

t.test('the sessions with workers are opened before a planning thread starts', async (t) => {
  t.match(await command(script, ['planner']).ended, { code: 0, stdout: 'opened started' })
})

t.test('the sessions with workers are opened before a job here has its stall watch', async (t) => {
  t.match(await command(script, ['watch']).ended, { code: 0, stdout: 'opened started' })
})

t.test(
  'the sessions with workers are opened by what slots stand on, before any slot',
  async (t) => {
    t.match(await command(script, ['ground']).ended, { code: 0, stdout: 'opened' })
  },
)
