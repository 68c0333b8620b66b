/**
 * Epochs: the clock by which state knows what belongs to which snapshot. A snapshot freezes by counting
 * one on; whatever changes then sees at its first change in an epoch that it has to keep what was.
 */

export class Epochs {
  /** Snapshots begun so far. 0: none ever was, and nothing is kept for one. Raised by who snapshots. */
  now = 0
  /** True while what was at the beginning of this epoch is still to be read. */
  reading = false
  /** Changes made in epochs before this one are in a snapshot that is complete. */
  needed = 0
}
