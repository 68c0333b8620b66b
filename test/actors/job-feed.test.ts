/** What is told of a job: to those who hear it come, and to those who ask when it has ended. */
import t from 'tap'
import { JobFeed } from '../../actors/coordinator/job-feed.js'
import type { JobNews } from '../../actors/coordinator/protocol.js'

function hear(feed: JobFeed) {
  const kinds: JobNews['kind'][] = []
  const hearing = feed.news$.subscribe((news) => kinds.push(news.kind))
  return { kinds, hearing }
}

t.test('all is told late, failures first, and hearing ends with the job', (t) => {
  const feed = new JobFeed()
  const early = hear(feed)
  feed.event({ kind: 'StateChanged' } as never)
  feed.failed(new Error('no more'))
  t.notOk(early.hearing.closed)
  feed.complete()
  const late = hear(feed)
  t.same(early.kinds, ['event', 'failed'])
  t.same(late.kinds, ['event', 'failed'])
  t.ok(early.hearing.closed, 'whoever has heard it come is let go')
  t.ok(late.hearing.closed, 'and so is whoever comes late')
  t.end()
})

t.test('who does not want to hear more is told no more', (t) => {
  const feed = new JobFeed()
  const { kinds, hearing } = hear(feed)
  hearing.unsubscribe()
  feed.failed(new Error('no more'))
  t.same(kinds, [])
  t.end()
})
