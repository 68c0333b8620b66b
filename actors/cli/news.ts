/** What happens to a job, told as it comes, wherever the job runs. */
import type { Observable } from 'rxjs'
import { Subscription } from '../../lib/base/rxjs.js'
import type { Plan } from '../../lib/graph/plan.js'
import type { Failure, JobEvent, JobMetrics } from '../index.js'
import { eventText, failureText } from './messages.js'
import type { Reporter } from './reporter.js'

interface Told {
  readonly events$: Observable<JobEvent>
  readonly failures$: Observable<Failure>
  readonly metrics$: Observable<JobMetrics>
}

/** That it errs is told by the end of the job. */
const ignored = () => {}

/** `isTold`: asked before each event (null) and each failure. */
export function tellNews(
  { events$, failures$ }: Pick<Told, 'events$' | 'failures$'>,
  reporter: Reporter,
  isTold: (failure: Failure | null) => boolean,
): Subscription {
  const { detail } = reporter
  const telling = new Subscription()
  const event = (each: JobEvent) => {
    if (isTold(null)) reporter.say(eventText(each, detail))
  }
  const failure = (each: Failure) => {
    if (isTold(each)) reporter.say(failureText(each, detail))
  }
  telling.add(events$.subscribe({ next: event, error: ignored }))
  telling.add(failures$.subscribe({ next: failure, error: ignored }))
  return telling
}

export const tellProgress = (
  { metrics$ }: Pick<Told, 'metrics$'>,
  plan: Plan,
  reporter: Reporter,
): Subscription =>
  metrics$.subscribe({ next: (metrics) => reporter.progress(plan, metrics), error: ignored })
