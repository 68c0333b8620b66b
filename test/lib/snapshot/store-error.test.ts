/** What goes wrong with a chunk store: which of it another round may outlive. */
import t from 'tap'
import { errorToData, MillraceError } from '../../../lib/base/errors.js'
import { CLOSED, isStoreLost, storeError } from '../../../lib/snapshot/store-error.js'

const failed = (code: string, message = code) =>
  storeError(Object.assign(new Error(message), { code }), 'write to', '/data/state')

t.test('a store is lost by all but a full disk', async (t) => {
  for (const code of ['ENOSPC', 'EDQUOT', 'EFBIG']) t.notOk(isStoreLost(failed(code)), code)
  const lost = ['EIO', 'EACCES', 'EROFS', 'ENOENT', 'ESTALE', 'EMFILE', 'LEVEL_CORRUPTION', 'other']
  for (const code of [...lost, 'LEVEL_LOCKED']) t.ok(isStoreLost(failed(code)), code)
  t.ok(isStoreLost(failed('LEVEL_IO_ERROR', 'IO error: /data: Read-only file system')))
  t.notOk(isStoreLost(failed('LEVEL_IO_ERROR', 'IO error: /data: No space left on device')))
})

t.test('it is known as well where it comes from another thread', async (t) => {
  t.ok(isStoreLost(errorToData(failed('EIO'))))
  t.notOk(isStoreLost(errorToData(failed('ENOSPC'))))
})

t.test('what is no failure of the store says nothing about it', async (t) => {
  t.notOk(isStoreLost(errorToData(new Error('a sink has failed'))))
  t.notOk(isStoreLost(new MillraceError('E_STATE_VALUE', 'state holds a function')))
  const closed = new MillraceError('E_STORE', 'it has been closed', { details: { code: CLOSED } })
  t.notOk(isStoreLost(closed), 'its job has ended')
})

t.test('the message names the directory, and says what to do', async (t) => {
  t.match(failed('ENOENT').message, /\/data\/state: .*put it back/)
  t.match(failed('ESTALE').message, /\/data\/state: .*put back the one that was there/)
  t.match(failed('LEVEL_CORRUPTION').message, /\/data\/state: .*from a backup/)
})
