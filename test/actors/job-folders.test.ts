/** What killed slots leave on disk: removed with the last slot of the job in this process. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { useJobFolders } from '../../actors/worker/job-folders.js'
import type { SlotSetup } from '../../actors/worker/protocol.js'
import { openLevelRows } from '../../lib/state/level-rows.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-folders-'))
t.teardown(() => rmSync(root, { recursive: true, force: true }))

/** As far as it matters here. */
const setupOf = (job: string, directory: string) =>
  ({
    job,
    settings: { state: { backend: 'level', directory, cacheBytes: 1 } },
  }) as unknown as SlotSetup

const rowsOf = (job: string) => openLevelRows({ job, name: 'slot 0', root })

t.test('state goes with the last slot of its job, and no sooner', async (t) => {
  const [leaveFirst, leaveSecond] = [
    useJobFolders(setupOf('a', root)),
    useJobFolders(setupOf('a', root)),
  ]
  const leaveOther = useJobFolders(setupOf('b', root))
  const rows = await rowsOf('a')
  const others = await rowsOf('b')
  await leaveFirst()
  await leaveFirst()
  t.ok(existsSync(rows.directory), 'another slot is there, however often the first one goes')
  await leaveSecond()
  t.notOk(existsSync(rows.directory))
  t.ok(existsSync(others.directory), 'what is of another job stays')
  await leaveOther()
  t.notOk(existsSync(others.directory))
})

t.test('a job that begins again while its last slot goes keeps what is new', async (t) => {
  const leave = useJobFolders(setupOf('again', root))
  const leaving = leave()
  const leaveNew = useJobFolders(setupOf('again', root))
  const rows = await rowsOf('again')
  await leaving
  t.ok(existsSync(rows.directory))
  await leaveNew()
  t.notOk(existsSync(rows.directory))
})
