/** What the runtime takes of RxJS is what job modules get from it. */
import * as rxjs from 'rxjs'
import t from 'tap'
import * as own from '../../../lib/base/rxjs.js'

t.test('all of it is the very same as that of the package', async (t) => {
  const whole = rxjs as unknown as Readonly<Record<string, unknown>>
  for (const [name, value] of Object.entries(own)) t.equal(value, whole[name], name)
  t.ok(new own.Subject() instanceof rxjs.Observable)
})
