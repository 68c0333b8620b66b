/** A list that may be larger than a message: it is sent in as many as it needs, one after the other. */

/** `send` rejects with E_MESSAGE_SIZE where it was given too much; for a single item that is the end. */
export async function inMessages<T>(
  items: readonly T[],
  send: (some: readonly T[]) => Promise<void>,
): Promise<void> {
  try {
    await send(items)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'E_MESSAGE_SIZE' || items.length < 2) throw error
    const half = items.length >> 1
    await inMessages(items.slice(0, half), send)
    await inMessages(items.slice(half), send)
  }
}
