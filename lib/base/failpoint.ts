/**
 * Places where a test ends the process, as a crash would: before and after each step that makes something
 * durable. Inert unless the environment names one: MILLRACE_FAILPOINT=name, or name:n for the n-th pass,
 * counted in each thread. Nothing is flushed, closed or told.
 *
 * `test/e2e/failpoints.test.ts` finds the places in the source, and sweeps all of them.
 */
const wanted = process.env.MILLRACE_FAILPOINT

/** `name`: lower case, `step.before`, `step.after` or what has been done in between. */
export const failpoint: (name: string) => void =
  wanted === undefined || wanted === '' ? () => {} : killAt(wanted)

function killAt(place: string): (name: string) => void {
  const [wantedName, pass = '1'] = place.split(':')
  let left = Number(pass)
  return (name) => {
    if (name === wantedName && --left === 0) process.kill(process.pid, 'SIGKILL')
  }
}
