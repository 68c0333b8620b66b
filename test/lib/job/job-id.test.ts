/** Ids of jobs become names of files: whatever a pipeline is called, and whatever a peer says. */
import t from 'tap'
import { checkJobId, jobIdOf, jobNameIn } from '../../../lib/job/job-id.js'
import { HOSTILE_NAMES } from '../../support/hostile-names.js'

const TRICKS = [...HOSTILE_NAMES, 'x'.repeat(300), 'constructor']

t.test('an id that could be a path, an option or a control sequence is refused', async (t) => {
  for (const trick of TRICKS) {
    const ids = [trick, `${trick}-0a1b2c3d/..`, `../${trick}-0a1b2c3d`, `a-0a1b2c3d${trick}/`]
    for (const id of ids) {
      t.throws(() => checkJobId(id), { code: 'E_BAD_JOB_ID' }, JSON.stringify(id))
    }
  }
  for (const none of [null, undefined, 7, {}, ['a-0a1b2c3d', 'b'], ['a-0a1b2c3d']]) {
    t.throws(() => checkJobId(none), { code: 'E_BAD_JOB_ID' })
  }
})

t.test('whatever a pipeline is called, its id is one, and tells its name', async (t) => {
  for (const trick of [...TRICKS, 'word-count', 'word_count.ts']) {
    const id = jobIdOf(trick, '0a1b2c3d')
    t.doesNotThrow(() => checkJobId(id), JSON.stringify(trick))
    t.match(id, /^[A-Za-z0-9][\w-]*-0a1b2c3d$/)
  }
  t.equal(jobNameIn(jobIdOf('word-count.ts', '0a1b2c3d')), 'word-count')
})
