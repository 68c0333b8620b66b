/** The kit's check of sources, as a test. */
import type { Test } from 'tap'
import { checkSource, type SourceCheck } from '../../lib/testing/check-source.js'

export interface SourceCase<T> extends SourceCheck<T> {
  readonly name: string
}

export async function sourceConformance<T>(t: Test, { name, ...given }: SourceCase<T>) {
  await t.test(name, async (t) => {
    for (const law of (await checkSource(given)).laws) t.pass(law)
  })
}
