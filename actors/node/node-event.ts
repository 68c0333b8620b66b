import type { ReadChunks } from './node-copies.js'

/** What happens to a node. */
export type NodeEvent =
  | { readonly kind: 'Joined'; readonly coordinator: string; readonly term: number }
  /** A connection to the coordinator was lost; it is replaced, and work goes on meanwhile. */
  | { readonly kind: 'Interrupted'; readonly reason: string }
  | { readonly kind: 'Reconnected' }
  /** Its lease has run out: what it hosts stands still until the coordinator answers. */
  | { readonly kind: 'Paused'; readonly slots: number }
  | { readonly kind: 'Resumed'; readonly slots: number }
  /** Its membership has ended; it keeps its slots, which stand still, and tries to join again. */
  | { readonly kind: 'Lost'; readonly reason: string; readonly slots: number }
  | { readonly kind: 'CannotJoin'; readonly reason: string; readonly retryMs: number }
  | { readonly kind: 'SlotStarted'; readonly ref: string }
  | { readonly kind: 'SlotEnded'; readonly ref: string }
  /** It joins again with slots that it has kept, and the coordinator may adopt. */
  | { readonly kind: 'SlotsKept'; readonly refs: readonly string[] }
  | { readonly kind: 'PeerLost'; readonly node: string; readonly reason: string }
  /** A slot goes on from a snapshot: what it has read of it, and where that was. */
  | ({ readonly kind: 'ChunksRead'; readonly ref: string } & ReadChunks)
  /** It makes no more copies of chunks: restores fetch all from the snapshot store. Said once. */
  | { readonly kind: 'CopiesFailed'; readonly reason: string }
