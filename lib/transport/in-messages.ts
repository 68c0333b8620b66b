/** A list that may be larger than a message: it is sent in as many as it needs, one after the other. */

/** Whether an error says that a message is too large; several smaller ones may do. */
export const isTooLarge = (error: unknown): boolean =>
  (error as { code?: unknown }).code === 'E_MESSAGE_SIZE'

/** `send` rejects with E_MESSAGE_SIZE where it was given too much; a single item then goes by `sendAlone`. */
export async function inMessages<T>(
  items: readonly T[],
  send: (some: readonly T[]) => Promise<void>,
  sendAlone: (item: T) => Promise<void>,
): Promise<void> {
  try {
    await send(items)
  } catch (error) {
    if (!isTooLarge(error)) throw error
    if (items.length === 1) return sendAlone(items[0]!)
    const half = items.length >> 1
    await inMessages(items.slice(0, half), send, sendAlone)
    await inMessages(items.slice(half), send, sendAlone)
  }
}
