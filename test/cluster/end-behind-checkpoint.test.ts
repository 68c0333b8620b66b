/** How the life of a job ends so that another can go on from where it was. */
import { Subject } from 'rxjs'
import t from 'tap'
import { endBehindCheckpoint } from '../../actors/coordinator/end-behind-checkpoint.js'
import type { Job, JobEvent } from '../../actors/job/job.js'
import type { JobState } from '../../lib/job/job-record.js'
import { outcomeOf } from '../support/outcome-of.js'
import { eventLoopTurn as settle } from '../support/settle.js'

/** It writes what is asked down, and stops when that is said. */
function lifeIn(state: JobState) {
  const asked: string[] = []
  const events$ = new Subject<JobEvent>()
  let stops!: { resolve(): void; reject(error: Error): void }
  const stopping = new Promise<void>((resolve, reject) => {
    stops = { resolve, reject }
  })
  const life = {
    state,
    events$,
    stop: () => {
      asked.push('stop')
      return stopping
    },
    cancel: async () => void asked.push('cancel'),
  } as unknown as Job
  return { life, asked, events$, stops }
}

t.test('what runs writes a checkpoint, though a slot with nothing on it waits', async (t) => {
  for (const isWhole of [true, false]) {
    const { life, asked, stops } = lifeIn('Running')
    const ended = outcomeOf(endBehindCheckpoint(life, isWhole))
    await settle()
    t.same([asked, ended.isOver], [['stop'], false])
    stops.resolve()
    await settle()
    t.same([asked, ended], [['stop'], { code: null, isOver: true }])
  }
})

t.test('what drains does so where no slot waits', async (t) => {
  for (const isWhole of [true, false]) {
    const { life, asked } = lifeIn('Draining')
    void endBehindCheckpoint(life, isWhole)
    t.same(asked, [isWhole ? 'stop' : 'cancel'])
  }
})

t.test('what does not run ends behind the checkpoint before', async (t) => {
  for (const state of ['Created', 'Restarting'] as const) {
    const { life, asked } = lifeIn(state)
    await endBehindCheckpoint(life, true)
    t.same(asked, ['cancel'], state)
  }
})

t.test('nor is a restart waited for that comes meanwhile', async (t) => {
  const { life, asked, events$ } = lifeIn('Running')
  const ended = outcomeOf(endBehindCheckpoint(life, true))
  events$.next({ kind: 'RegionRestarting' } as JobEvent)
  await settle()
  t.same([asked, ended], [['stop', 'cancel'], { code: null, isOver: true }])
  t.notOk(events$.observed)
})

t.test('where it cannot be written it goes on', async (t) => {
  const { life, asked, events$, stops } = lifeIn('Running')
  const ended = outcomeOf(endBehindCheckpoint(life, true))
  stops.reject(Object.assign(new Error('no'), { code: 'E_NO' }))
  await settle()
  t.same([asked, ended], [['stop'], { code: 'E_NO', isOver: true }])
  t.notOk(events$.observed)
})
