/** The README's way from one process to many: each of its commands, in their order. */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Command, command, MILLRACE } from './support/command.js'
import { readmeBlock } from './support/readme.js'

t.setTimeout(400_000)

/** Inside the project, so that `millrace` means the project itself. */
const folder = t.testdir({ 'ticks.ts': readmeBlock('ts', '// ticks.ts').code })

t.test('the commands of a cluster do what they say, one after the other', async (t) => {
  const { code } = readmeBlock('sh', 'millrace coordinator')
  const [secret, variable, ...lines] = code.trimEnd().split('\n')
  t.equal(secret, 'openssl rand -hex 32 > secret')
  writeFileSync(join(folder, 'secret'), `${randomBytes(32).toString('hex')}\n`)
  const [name, value] = variable!.replace('export ', '').split('=')
  const options = { cwd: folder, env: { [name!]: value, NO_COLOR: '1' }, deadlineMs: 110_000 }
  const started: Command[] = []
  t.teardown(async () => {
    for (const { process } of started) process.kill('SIGKILL')
    await Promise.all(started.map(({ ended }) => ended))
  })
  for (const line of lines) {
    const [words, isLasting] = [line.replace('npx millrace ', '').split(' '), line.endsWith(' &')]
    const each = command(MILLRACE, isLasting ? words.slice(0, -1) : words, options)
    started.push(each)
    if (isLasting) await each.errors((text) => /joined|a node joins it by/.test(text))
    else {
      const { code, stdout, stderr } = await each.ended
      t.equal(code, 0, `${line}\n${stdout}${stderr}`)
    }
  }
})
