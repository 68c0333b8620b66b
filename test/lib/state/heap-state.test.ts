import t from 'tap'
import { createHeapState } from '../../../lib/state/heap-state.js'
import { stateConformance } from '../../conformance/state.js'

t.test('the heap backend keeps the laws of state', (t) => stateConformance(t, createHeapState))
