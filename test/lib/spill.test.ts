/** Spilled runs as files: what is written is read again, and nothing stays behind. */
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createFileSpill, removeJobSpill, spillError } from '../../lib/spill/file-spill.js'
import type { SpillReader } from '../../lib/spill/spill.js'

const rootOf = (t: Test) => t.testdir({})
const spillIn = (root: string, subtask = '0:0-1-0') =>
  createFileSpill({ job: 'job/../x', subtask, root })

/** Every file below a folder. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesIn(join(folder, entry.name)) : [join(folder, entry.name)],
  )
}

function all(reader: SpillReader): unknown[] {
  const blocks: unknown[] = []
  for (let block = reader.next(); block !== null; block = reader.next()) blocks.push(block)
  return blocks
}

t.test('gives back the blocks of each run, in order, whatever values they hold', async (t) => {
  const root = rootOf(t)
  const spill = spillIn(root)
  t.same(readdirSync(root), [], 'nothing is created before it is needed')
  const blocks = [
    [['a', 1n, new Date(5), undefined, { x: [Number.NaN, -0] }], null, null],
    [[1], [2], [3]],
  ]
  const [first, second] = [spill.create(), spill.create()]
  for (const block of blocks) first.write(block)
  second.write(['x'.repeat(300_000)])
  const [one, two] = [first.finish(), second.finish()]
  t.ok(two.bytes > 300_000)
  t.strictSame(all(two.read()), [['x'.repeat(300_000)]])
  t.equal(filesIn(root).length, 1, 'a run that was read is gone')
  t.strictSame(all(one.read()), blocks)
  spill.close()
  t.same(readdirSync(root), [])
})

t.test('closing removes runs in every state, and is final', async (t) => {
  const root = rootOf(t)
  const spill = spillIn(root)
  spill.create().write([1])
  const finished = spill.create()
  finished.write([1])
  finished.finish()
  const reading = spill.create()
  reading.write([1])
  reading.write([2])
  t.same(reading.finish().read().next(), [1])
  t.equal(filesIn(root).length, 3)
  spill.close()
  spill.close()
  t.same(readdirSync(root), [])
  t.throws(() => spill.create(), { code: 'E_SPILL' })
})

t.test('subtasks share nothing, and a name that is a path stays within the folder', async (t) => {
  const root = rootOf(t)
  const [one, other] = [spillIn(root, '0:0'), spillIn(root, '../../0:1')]
  one.create().write([1])
  other.create().write([2])
  t.equal(filesIn(root).length, 2)
  one.close()
  t.equal(filesIn(root).length, 1)
  other.close()
  t.same(readdirSync(root), [])
})

t.test('what a killed subtask left is removed when its job ends', async (t) => {
  const root = rootOf(t)
  spillIn(root).create().write([1])
  removeJobSpill('another', root)
  t.equal(filesIn(root).length, 1)
  removeJobSpill('job/../x', root)
  t.same(readdirSync(root), [])
})

t.test('what a killed process left is removed by the next one, but not what lives', async (t) => {
  const root = rootOf(t)
  const prefix = `millrace-spill-${hostname().replace(/[^\w-]/g, (c) => `.${c.codePointAt(0)!.toString(16)}.`)}-`
  // The largest process id that Linux gives is 2^22.
  for (const name of [
    `${prefix}99999999`,
    `${prefix}1`,
    'millrace-spill-elsewhere-99999999',
    'other',
  ]) {
    mkdirSync(join(root, name, 'job'), { recursive: true })
    writeFileSync(join(root, name, 'job', '0.run'), 'x')
  }
  const spill = spillIn(root)
  spill.create()
  spill.close()
  t.same(
    readdirSync(root).sort(),
    [`${prefix}1`, 'millrace-spill-elsewhere-99999999', 'other'].sort(),
  )
})

t.test('a folder that may not be written is an error that says so', async (t) => {
  const root = rootOf(t)
  chmodSync(root, 0o500)
  try {
    spillIn(root).create()
    t.equal(process.getuid?.(), 0, 'only root may write everywhere')
  } catch (error) {
    t.match(error, { code: 'E_SPILL', message: /TMPDIR/, retryable: false })
  }
  chmodSync(root, 0o700)
})

t.test('a folder that is no folder, and a file that is gone, are errors by name', async (t) => {
  const root = t.testdir({ file: 'x' })
  t.throws(() => spillIn(join(root, 'file')).create(), { code: 'E_SPILL', message: /file/ })
  const spill = spillIn(root)
  const writer = spill.create()
  writer.write([1])
  const run = writer.finish()
  for (const file of filesIn(root)) if (file.endsWith('.run')) rmSync(file)
  t.throws(() => run.read(), { code: 'E_SPILL', details: { cause: 'ENOENT' } })
  spill.close()
})

t.test('a full disk is an error that may pass', async (t) => {
  const full = () => writeFileSync('/dev/full', 'x')
  t.throws(full, { code: 'ENOSPC' })
  try {
    full()
  } catch (cause) {
    const error = spillError('/tmp/x.run', cause)
    t.match(error, {
      code: 'E_SPILL',
      retryable: true,
      cause,
      message: /\/tmp\/x.run.*disk is full/,
    })
  }
})

t.test(
  'a value without bytes is an error of that value, and has a size all the same',
  async (t) => {
    const spill = spillIn(rootOf(t))
    t.throws(() => spill.create().write([[() => 1], null, null]), { code: 'E_CANNOT_TRAVEL' })
    t.ok(spill.bytesOf(() => 1) > 0)
    t.equal(spill.bytesOf('abc'), 4)
    spill.close()
  },
)
