/** What a client says of how a job is to run is checked before anything believes it. */
import t from 'tap'
import { checkPlacement, checkSubmit, checkWatch } from '../../actors/coordinator/check-submit.js'
import {
  connect,
  createActorSystem,
  startCoordinator,
  startNode,
  supervise,
} from '../../actors/index.js'

t.test('what is said of a savepoint is understood, or refused', async (t) => {
  const good = { restore: '/saved', transactions: 'discard', claim: true } as const
  t.doesNotThrow(() => checkSubmit(good))
  const wrong = [
    { restore: 7 },
    { restore: '' },
    { transactions: 'lose' },
    { transactions: null },
    { claim: 'yes' },
    { allowDroppedState: 1 },
    { acceptDuplicates: 'no' },
  ]
  for (const options of wrong) {
    const [name] = Object.keys(options)
    const expected = { code: 'E_BAD_ARGUMENT', message: new RegExp(`submit: ${name} must be`) }
    t.throws(() => checkSubmit(options as never), expected, name)
  }
})

t.test('what nobody reads is refused by its name, with what is known', async (t) => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ paralelism: 2 }, /submit.*: there is no option 'paralelism': did you mean 'parallelism'\?/],
    [{ slots: 2 }, /submit.*: there is no option 'slots': it knows parallelism, args, checkpoint/],
    [{ placement: { label: { zone: 'a' } } }, /submit: placement.*'label'.*'labels'/],
    [{ reactive: { max: 3 } }, /submit: reactive.*'max'.*maxParallelism/],
    [{ supervise: { maxRestart: 3 } }, /submit: supervise.*'maxRestart'.*'maxRestarts'/],
    [{ supervise: { decide: 'stop' } }, /submit: supervise.*'decide'/],
    [{ checkpoint: { intervall: '1s' } }, /submit: checkpoint.*'intervall'.*'interval'/],
    [{ checkpoint: { directory: '/mine' } }, /submit: checkpoint.*'directory'/],
    [{ state: { backend: 'heap', cache: 3 } }, /\{ state \}.*'cache'/],
  ]
  for (const [options, message] of wrong) {
    const expected = { code: 'E_UNKNOWN_OPTION', message }
    t.throws(() => checkSubmit(options as never), expected, JSON.stringify(options))
  }
  t.throws(() => checkPlacement({ wiat: '1m' } as never), { code: 'E_UNKNOWN_OPTION' })
  for (const name of ['reactive', 'supervise']) {
    t.throws(() => checkSubmit({ [name]: null } as never), { code: 'E_BAD_ARGUMENT' }, name)
  }
})

t.test('what nobody reads is refused before anything is started, too', async (t) => {
  const refused = { code: 'E_UNKNOWN_OPTION' }
  const data = t.testdir({})
  await t.rejects(startCoordinator({ data, port: 7373 } as never), refused)
  await t.rejects(startCoordinator({ data, tls: { cert: 'c', key: 'k' } } as never), refused)
  await t.rejects(startNode({ join: 'ws://127.0.0.1:1', slot: 1 } as never), refused)
  await t.rejects(startNode({ join: 'ws://127.0.0.1:1', copies: { bytes: 1 } } as never), refused)
  await t.rejects(connect('ws://127.0.0.1:1', { reconect: '1s' } as never), refused)
  t.throws(() => createActorSystem({ nmae: 'demo' } as never), refused)
  t.throws(() => supervise({ maxRestart: 3 } as never), refused)
  t.throws(() => supervise({ restart: { first: 3 } } as never), refused)
})

t.test('what is said of what is watched is understood, or refused', async (t) => {
  const good = { metrics: true, results: false, decides: false, after: { event: 0, failure: 3 } }
  t.doesNotThrow(() => checkWatch(good))
  const wrong = [
    { metrics: 1 },
    { results: undefined },
    { decides: 'no' },
    { after: null },
    { after: { event: 0 } },
    { after: { event: '0', failure: 0 } },
  ]
  for (const part of wrong) {
    const [name] = Object.keys(part)
    const expected = { code: 'E_BAD_ARGUMENT', message: new RegExp(`watch: ${name} must be`) }
    t.throws(() => checkWatch({ ...good, ...part } as never), expected, name)
  }
  t.throws(() => checkWatch(7 as never), { code: 'E_BAD_ARGUMENT' })
})
