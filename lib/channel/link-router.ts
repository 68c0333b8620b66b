/**
 * The link router of a slot: many channels multiplexed on one link per peer.
 *
 * Remote ends are opened here, by channel and attempt, and frames that arrive are brought to them:
 * data and signals to inputs, credits and cancels to outputs. The router is passive: its owner calls
 * `poll` between batches, and `arm` before it goes to sleep.
 *
 * What does not fit:
 * - a frame of an older attempt, or for a channel that is not open here, is refused and counted:
 *   it comes from a subtask that does not know yet that it, or the receiver, is gone. An input that
 *   took the place of another hears of the records in it (`onStale`).
 *   Behind that stands the number of each frame: one of an older attempt that is taken fails its channel, since the
 *   present sender's frame of that number comes, too;
 * - a frame of a newer attempt, of another session, with a gap or a repeat, fails its channel;
 * - a frame that cannot be read at all closes its link;
 * - a link that closes fails its channels, but for those that have ended, after what had arrived on
 *   it was brought to them.
 */
import { assert } from '../base/assert.js'
import { MillraceError } from '../base/errors.js'
import type { Link } from '../transport/transport.js'
import { CANCEL_FRAME, CREDIT_FRAME, decodeFrame, type Frame } from '../wire/frame.js'
import { type ChannelId, channelName, type InputChannel, type OutputChannel } from './channel.js'
import type { RemotePlace } from './remote-end.js'
import { RemoteInput, type RemoteInputOptions } from './remote-input.js'
import { RemoteOutput, type RemoteOutputOptions } from './remote-output.js'

/** Why a frame was refused. */
export type Refusal = 'stale-attempt' | 'unknown-channel'

export interface RemoteChannelOptions {
  readonly id: ChannelId
  readonly attempt: number
  /** Slot of the other end; its link must be attached. */
  readonly peer: string
}

export interface AttachOptions {
  /** Number of this connection, the same at both ends. */
  readonly session: number
  /** Between hosts: every frame carries a CRC-32. Default false. */
  readonly sealed?: boolean
}

export interface LinkRouter {
  /**
   * Takes a link over. One link per peer: a second one says that the peer has been replaced, and
   * the first is closed, even where the news of its end has not come yet.
   */
  attach(link: Link, options: AttachOptions): void
  openOutput(options: RemoteChannelOptions & RemoteOutputOptions): OutputChannel
  openInput(options: RemoteChannelOptions & RemoteInputOptions): InputChannel
  /** Brings frames that have arrived to their channels, FRAMES_PER_POLL per link at most. */
  poll(): boolean
  /** Asks for one `onReadable` when a frame arrives. *Caller must* poll before it sleeps. */
  arm(): void
  /** Called when `poll` may have something to do. MUST only schedule. */
  onReadable: () => void
  /** Frames refused so far, by reason. */
  readonly refused: Readonly<Record<Refusal, number>>
  /** Closes every link. Channels that are open get no failure: their owner is going away too. */
  close(): void
}

/** So that one busy link cannot keep a thread from its work. */
export const FRAMES_PER_POLL = 64

export function createLinkRouter(): LinkRouter {
  return new Router()
}

interface AttachedLink {
  readonly link: Link
  readonly session: number
  readonly sealed: boolean
  /** Why it closed; its channels learn it when everything that had arrived was brought to them. */
  lost: Error | null
}

/** A remote end, of either direction. */
interface End {
  readonly place: RemotePlace
  receive(frame: Frame): void
  /** A frame of an older attempt was refused. */
  stale(frame: Frame): void
  lose(reason: Error): void
}

class Router implements LinkRouter {
  onReadable: () => void = () => {}
  readonly refused: Record<Refusal, number> = { 'stale-attempt': 0, 'unknown-channel': 0 }
  /** By peer. */
  readonly #links = new Map<string, AttachedLink>()
  /** By channel name. */
  readonly #outputs = new Map<string, RemoteOutput>()
  readonly #inputs = new Map<string, RemoteInput>()

  attach(link: Link, { session, sealed = false }: AttachOptions): void {
    const former = this.#links.get(link.peer)
    if (former !== undefined) this.#supersede(former)
    const attached: AttachedLink = { link, session, sealed, lost: null }
    this.#links.set(link.peer, attached)
    link.onReadable(() => this.onReadable())
    link.onClose((reason) => {
      attached.lost = reason
      if (reason === null) this.#forget(attached)
      else this.onReadable()
    })
  }

  openOutput(options: RemoteChannelOptions & RemoteOutputOptions): OutputChannel {
    const place = this.#placeFor(options)
    const output = new RemoteOutput(place, options, () => remove(this.#outputs, output))
    open(this.#outputs, output)
    return output.channel
  }

  openInput(options: RemoteChannelOptions & RemoteInputOptions): InputChannel {
    const place = this.#placeFor(options)
    const input = new RemoteInput(place, options, () => remove(this.#inputs, input))
    open(this.#inputs, input)
    return input
  }

  poll(): boolean {
    let moved = false
    for (const attached of this.#links.values()) {
      if (this.#pollLink(attached)) moved = true
    }
    return moved
  }

  arm(): void {
    for (const { link } of this.#links.values()) link.arm()
  }

  close(): void {
    for (const { link } of [...this.#links.values()]) link.close()
    this.#links.clear()
  }

  #pollLink(attached: AttachedLink): boolean {
    for (let frames = 0; frames < FRAMES_PER_POLL; frames++) {
      const bytes = attached.link.poll()
      if (bytes === null) {
        if (attached.lost !== null) this.#lose(attached, attached.lost)
        return frames > 0
      }
      this.#dispatch(attached, bytes)
    }
    return true
  }

  #dispatch(attached: AttachedLink, bytes: ArrayBuffer): void {
    let frame: Frame
    try {
      frame = decodeFrame(bytes, attached.sealed)
    } catch (error) {
      this.#lose(attached, damaged(attached.link.peer, error))
      attached.link.close()
      return
    }
    const upstream = frame.kind === CREDIT_FRAME || frame.kind === CANCEL_FRAME
    const ends: ReadonlyMap<string, End> = upstream ? this.#outputs : this.#inputs
    const end = ends.get(channelName(frame))
    if (end === undefined) this.refused['unknown-channel'] += 1
    else if (frame.attempt < end.place.attempt) {
      this.refused['stale-attempt'] += 1
      end.stale(frame)
    } else end.receive(frame)
  }

  #placeFor({ id, attempt, peer }: RemoteChannelOptions): RemotePlace {
    const attached = this.#links.get(peer)
    if (attached === undefined || attached.lost !== null) {
      throw new MillraceError(
        'E_NO_LINK',
        `channel ${channelName(id)} needs a link to ${peer}, and none is attached`,
        { retryable: true, details: { channel: channelName(id), peer } },
      )
    }
    const { session, link, sealed } = attached
    return { id, attempt, session, link, sealed }
  }

  /** Fails what still runs over a link that is gone, and forgets the link. */
  #lose(attached: AttachedLink, reason: Error): void {
    this.#forget(attached)
    for (const end of [...this.#outputs.values(), ...this.#inputs.values()]) {
      if (end.place.link === attached.link) end.lose(reason)
    }
  }

  #supersede(former: AttachedLink): void {
    this.#lose(former, former.lost ?? replaced(former.link.peer))
    former.link.close()
  }

  #forget({ link }: AttachedLink): void {
    if (this.#links.get(link.peer)?.link === link) this.#links.delete(link.peer)
  }
}

/** Registers an end; one of an older attempt, if it was not closed yet, is no longer reached. */
function open<E extends End>(ends: Map<string, E>, end: E): void {
  const name = channelName(end.place.id)
  const other = ends.get(name)
  assert(
    other === undefined || other.place.attempt < end.place.attempt,
    `channel ${name} is opened once per attempt`,
  )
  ends.set(name, end)
}

function remove<E extends End>(ends: Map<string, E>, end: E): void {
  const name = channelName(end.place.id)
  if (ends.get(name) === end) ends.delete(name)
}

const replaced = (peer: string): MillraceError =>
  new MillraceError('E_LINK_CLOSED', `the link to ${peer} was closed: there is a new one`, {
    retryable: true,
    details: { peer },
  })

const damaged = (peer: string, cause: unknown): MillraceError =>
  new MillraceError('E_LINK_DAMAGED', `a frame from ${peer} cannot be read: the link is closed`, {
    retryable: true,
    details: { peer },
    cause,
  })
