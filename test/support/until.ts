/** Waits for the event loop to bring something about; gives up after `turnsMax` turns. */
export async function until(holds: () => boolean, turnsMax = 200_000): Promise<void> {
  for (let turn = 0; turn < turnsMax; turn++) {
    if (holds()) return
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  throw new Error(`does not hold after ${turnsMax} turns: ${holds}`)
}
