/** Limits of the connections between processes. */
import type { LinkLimits } from './node-links.js'

export const linkLimits: LinkLimits = {
  frameBytesMax: 1024 * 1024,
  messageBytesMax: 1024 * 1024,
  dataBufferedBytesMax: 64 * 1024 * 1024,
  controlBufferedBytesMax: 16 * 1024 * 1024,
  messagesPerSecondMax: 20_000,
  lanesMax: 4096,
  handshakeMs: 5000,
  handshakesMax: 256,
  connectionsMax: 8192,
  connectionsPerHostMax: 2048,
  connectionsPerHostPerSecondMax: 100,
}
