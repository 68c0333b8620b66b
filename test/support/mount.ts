/** File systems that a test mounts, where it may; and what it says where it may not. */
import { spawnSync } from 'node:child_process'
import type { Test } from 'tap'

/** Undoes it, at the end of the test if not before; null where it is not allowed. */
export function mount(t: Test, at: string, ...how: readonly string[]): (() => void) | null {
  if (process.platform !== 'linux' || !succeeds('mount', ...how, at)) return null
  let isMounted = true
  const unmount = () => {
    if (isMounted) spawnSync('umount', ['-l', at])
    isMounted = false
  }
  t.teardown(unmount)
  return unmount
}

export const succeeds = (command: string, ...args: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0

/** Loudly, and counted as skipped: a test that is not run proves nothing. */
export function skip(t: Test, why: string): void {
  console.error(`SKIPPED: ${t.name}: ${why}`)
  t.pass(why, { skip: why })
}
