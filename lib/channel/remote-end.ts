/**
 * What both remote ends of a channel have in common: whom they belong to, the numbers on their
 * frames, and the check of the numbers on the frames that come.
 */
import { MillraceError } from '../base/errors.js'
import type { Link } from '../transport/transport.js'
import { type FrameHead, sealFrame } from '../wire/frame.js'
import { type ChannelId, channelName } from './channel.js'

/** Where a remote end sits. The three numbers fence off what belongs to another time or place. */
export interface RemotePlace {
  readonly id: ChannelId
  /** Attempt of the region that the subtask belongs to. */
  readonly attempt: number
  /** Number of the connection; both ends of the link know it. */
  readonly session: number
  readonly link: Link
  /** True where frames carry a CRC-32: between hosts. */
  readonly sealed: boolean
}

/** Numbers the frames that one end sends. */
export class FrameNumbering {
  readonly #place: RemotePlace
  #last = 0

  constructor(place: RemotePlace) {
    this.#place = place
  }

  /** From 1. To be called at the hand-over to the link, once per frame. */
  next(): FrameHead {
    const { id, attempt, session } = this.#place
    this.#last += 1
    return { edge: id.edge, from: id.from, to: id.to, attempt, session, sequence: this.#last }
  }
}

/** Hands a frame over to the link; it belongs to the link from then on. */
export function sendFrame({ link, sealed }: RemotePlace, frame: ArrayBuffer): void {
  if (sealed) sealFrame(frame)
  link.send(frame)
}

/** Checks the frames that one end receives: each once, in order, of this session. */
export class FrameCheck {
  readonly #place: RemotePlace
  #last = 0

  constructor(place: RemotePlace) {
    this.#place = place
  }

  /** Why the channel must fail, or null when the frame is the next one. */
  refuse({ attempt, session, sequence }: FrameHead): MillraceError | null {
    const place = this.#place
    if (attempt !== place.attempt) return broken(place, 'attempt', place.attempt, attempt)
    if (session !== place.session) return broken(place, 'session', place.session, session)
    if (sequence !== this.#last + 1) return broken(place, 'sequence', this.#last + 1, sequence)
    this.#last = sequence
    return null
  }
}

const broken = (place: RemotePlace, what: string, expected: number, seen: number): MillraceError =>
  channelBroken(place, `expected a frame of ${what} ${expected}, saw ${what} ${seen}`, {
    [what]: seen,
  })

/** The failure of a channel whose frames cannot be trusted. Its region has to start again. */
export function channelBroken(
  { id, link }: RemotePlace,
  what: string,
  details: Readonly<Record<string, number>> = {},
  cause?: unknown,
): MillraceError {
  const channel = channelName(id)
  return new MillraceError('E_CHANNEL_BROKEN', `channel ${channel} with ${link.peer}: ${what}`, {
    retryable: true,
    details: { channel, peer: link.peer, ...details },
    cause,
  })
}

/** The failure of a channel whose link is gone: no channel continues on another connection. */
export function channelLost({ id, link }: RemotePlace, cause: Error): MillraceError {
  const channel = channelName(id)
  return new MillraceError('E_CHANNEL_LOST', `channel ${channel} lost its link to ${link.peer}`, {
    retryable: true,
    details: { channel, peer: link.peer },
    cause,
  })
}
