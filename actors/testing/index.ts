/**
 * `millrace/testing`: run a pipeline in this thread under a virtual clock, with the order of its actors
 * chosen by a seed, and inject failures into it; write and read the state that jobs begin with.
 */
export type { Clock } from '../../lib/base/clock.js'
export { type Random, seededRandom } from '../../lib/base/random.js'
export type { GivenRows, StateContent } from '../../lib/snapshot/fill-state.js'
export { readSavepoint, type SavepointQuery } from '../../lib/snapshot/read-savepoint.js'
export type { StateRow } from '../../lib/snapshot/read-state.js'
export {
  type ComposablePipeline,
  type SavepointContent,
  type WrittenSavepoint,
  writeSavepoint,
} from '../../lib/snapshot/write-savepoint.js'
export { checkSink, type SinkCheck } from '../../lib/testing/check-sink.js'
export { checkSource, type SourceCheck } from '../../lib/testing/check-source.js'
export { checkTransactionalSink } from '../../lib/testing/check-transactional-sink.js'
export type { Conformance } from '../../lib/testing/laws.js'
export type { SinkTarget, TransactionalSinkCheck } from '../../lib/testing/sink-target.js'
export { createVirtualClock, type VirtualClock } from '../../lib/testing/virtual-clock.js'
export { type Collected, collect } from './collect.js'
export { type Injection, injectFailures } from './inject-failures.js'
export { runTest, startTest, type TestOptions, type TestOutcome, type TestRun } from './test-run.js'
