/**
 * From a window and what is wanted of it to an operator: chooses how its contents are kept (slices,
 * panes, or counts), and what can be done before the exchange.
 */
import type { WindowPlan } from '../../window/assigner.js'
import type { Aggregation } from '../aggregation.js'
import { fuse } from '../fused-loop.js'
import type { OperatorDefinition } from '../operator.js'
import { recordWiseTraits } from '../record-wise.js'
import { openWindows } from './open-windows.js'
import { sessionsBefore } from './sessions-before.js'
import { slicedBefore } from './sliced-before.js'
import { isSliced, type WindowContent, type WindowSettings } from './window-settings.js'

export function windowDefinition(
  window: WindowSettings,
  content: WindowContent,
): OperatorDefinition {
  const { assigner, trigger, evictor, latenessMs, late, all } = window
  const { aggregation } = content
  const before = beforeOf(window, aggregation)
  const definition: OperatorDefinition = {
    kind: content.kind,
    traits: {
      ...recordWiseTraits,
      key: all ? 'forbidden' : 'required',
      keyAfter: 'ended',
      ...(assigner.time === 'event' ? { time: 'required' } : { timeAfter: 'ended' }),
      stateful: true,
      speaksAtEnd: assigner.plan.by === 'nothing' && trigger === null,
      insteadOfEnd: 'give its window a trigger, like countTrigger(…)',
      orderSensitive: all,
      before,
      ...(late === null ? {} : { sides: [late] }),
    },
    options: content.options,
    settings: {
      ...content.settings,
      window: { kind: assigner.kind, ...assigner.settings },
      ...(aggregation?.merge === null && isSliced(window, aggregation) ? { joins: false } : {}),
      ...(trigger === null ? {} : { trigger: { kind: trigger.kind, ...trigger.settings } }),
      ...(evictor === null ? {} : { evictor: { kind: evictor.kind, ...evictor.settings } }),
      ...(latenessMs === 0 ? {} : { latenessMs }),
      ...(late === null ? {} : { late }),
    },
    functions: [
      ...content.functions,
      ...assigner.functions,
      ...functionsOf(trigger),
      ...functionsOf(evictor),
    ],
    open: (context) => openWindows(context, window, content, before),
  }
  const openBefore = before === null ? null : openerBefore(window, aggregation!, before)
  return openBefore === null ? definition : { ...definition, openBefore }
}

/**
 * Partial aggregates before the exchange need windows that speak once, by watermarks that are known
 * there, and late records that nobody wants to see. Who looks at whole records gets whole records.
 */
function beforeOf(
  window: WindowSettings,
  aggregation: Aggregation | null,
): 'aggregate' | 'project' | null {
  const { assigner, trigger, evictor, latenessMs, late } = window
  if (aggregation === null || late !== null) return null
  const { time, plan } = assigner
  const looks = trigger !== null || evictor !== null || assigner.functions.length > 0
  const folds = isSliced(window, aggregation) || (isFixedSession(plan) && !looks)
  const speaksOnce = folds && latenessMs === 0
  if (speaksOnce && time === 'event' && aggregation.merge !== null) return 'aggregate'
  return aggregation.select !== null && !looks ? 'project' : null
}

function openerBefore(
  { assigner }: WindowSettings,
  aggregation: Aggregation,
  before: 'aggregate' | 'project',
): NonNullable<OperatorDefinition['openBefore']> {
  if (before === 'project') {
    const step = { kind: 'map', call: aggregation.select! } as const
    return (context) => fuse([{ step, context }])
  }
  const { plan } = assigner
  if (isFixedSession(plan)) return (context) => sessionsBefore(context, aggregation, plan.fixedMs)
  const { slicing } = plan as Extract<WindowPlan, { by: 'slices' }>
  return (context) => slicedBefore(context, aggregation, slicing)
}

/** True where all records have the same gap. */
const isFixedSession = (
  plan: WindowPlan,
): plan is Extract<WindowPlan, { by: 'gap' }> & { readonly fixedMs: number } =>
  plan.by === 'gap' && plan.fixedMs !== null

const functionsOf = (of: object | null): OperatorDefinition['functions'] =>
  Object.values(of ?? {}).filter((part) => typeof part === 'function')
