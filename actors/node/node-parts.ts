/** What a node is made of. */
import type { Clock } from '../../lib/base/clock.js'
import type { Random } from '../../lib/base/random.js'
import type { Network } from '../../lib/transport/network.js'
import type { BundleFiles } from './bundles.js'
import type { CopyPlace } from './node-copies.js'
import type { SlotPorts } from './peer-links.js'
import type { SlotGround } from './slot-ground.js'

export interface NodeParts {
  readonly network: Network
  /** URL of the coordinator. */
  readonly join: string
  /** Where peers are listened for: `host:port`. */
  readonly address: string
  readonly slots: number
  readonly labels: Readonly<Record<string, string>>
  readonly version: string
  readonly clock?: Clock
  readonly random?: Random
  /** What slots are. Default: worker threads. */
  readonly ground?: SlotGround
  readonly ports?: SlotPorts
  readonly bundles?: BundleFiles
  /** Where copies of chunks lie. Default: none are made. */
  readonly copies?: CopyPlace
  /** Where slots keep state that is larger than memory. Default: the folder for temporary files. */
  readonly stateDirectory?: string
}
