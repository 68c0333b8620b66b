/** `millrace snapshots`: looks at the snapshots in a directory, and deletes them. */
import { unreachable } from '../../lib/base/assert.js'
import { errorToData, MillraceError } from '../../lib/base/errors.js'
import type { ChunkStore } from '../../lib/snapshot/chunk-store.js'
import { describeSnapshot, diffSnapshots } from '../../lib/snapshot/describe.js'
import { openLevelChunkStore } from '../../lib/snapshot/level-chunk-store.js'
import type { Manifest } from '../../lib/snapshot/manifest.js'
import { chunksOf } from '../../lib/snapshot/manifest-chunks.js'
import { openToRead, type StoreToRead } from '../../lib/snapshot/open-to-read.js'
import { type StoredManifest, unnamedChunks } from '../../lib/snapshot/retention.js'
import { emptyStore } from '../../lib/snapshot/store-error.js'
import { isDamage, readManifest, verifySnapshot } from '../../lib/snapshot/verify.js'
import { EXIT, type ExitCode } from './exit.js'
import type { SnapshotsCommand } from './snapshot-commands.js'
import { differenceText, type Listed, listText, showText, verifiedText } from './snapshot-text.js'
import type { CliWorld } from './world.js'

export async function snapshotsCommand(
  command: SnapshotsCommand,
  world: CliWorld,
): Promise<ExitCode> {
  const { directory, action } = command
  const { store, close } = await (action === 'delete' ? openToChange : openToRead)(directory)
  try {
    return await new SnapshotsInspection(store, command, world).carryOut()
  } finally {
    await close()
  }
}

async function openToChange(directory: string): Promise<StoreToRead> {
  const store = await openLevelChunkStore(directory, { create: false })
  return { store, close: () => store.close() }
}

class SnapshotsInspection {
  readonly #store: ChunkStore
  readonly #command: SnapshotsCommand
  readonly #world: CliWorld

  constructor(store: ChunkStore, command: SnapshotsCommand, world: CliWorld) {
    this.#store = store
    this.#command = command
    this.#world = world
  }

  carryOut(): Promise<ExitCode> {
    const { action } = this.#command
    switch (action) {
      case 'list':
        return this.#list()
      case 'show':
        return this.#show()
      case 'verify':
        return this.#verify()
      case 'diff':
        return this.#diff()
      case 'delete':
        return this.#delete()
      default:
        return unreachable(action)
    }
  }

  async #list(): Promise<ExitCode> {
    const listed: Listed[] = []
    let before: Manifest | null = null
    for (const number of await this.#store.manifests()) {
      const manifest = await this.#readOrDamage(number)
      if (manifest instanceof MillraceError) listed.push({ number, damage: manifest.message })
      else {
        listed.push({ number, description: describeSnapshot(manifest, before) })
        before = manifest
      }
    }
    this.#say(listText(this.#store.place, listed), listed.map(listedJson))
    return EXIT.finished
  }

  async #show(): Promise<ExitCode> {
    const numbers = await this.#numbers()
    const number = this.#command.rounds[0] ?? numbers.at(-1)!
    const manifest = await readManifest(this.#store, number)
    const former = numbers.filter((each) => each < number).at(-1)
    const before = former === undefined ? null : await this.#readOrDamage(former)
    const described = describeSnapshot(manifest, before instanceof MillraceError ? null : before)
    this.#say(showText(this.#store.place, described), described)
    return EXIT.finished
  }

  async #verify(): Promise<ExitCode> {
    const all = await this.#numbers()
    const numbers = this.#command.rounds.length === 0 ? all : this.#command.rounds
    let isWhole = true
    const seen: object[] = []
    for (const number of numbers) {
      const verified = await verifySnapshot(this.#store, number)
      const { bytes, chunks, damage } = verified
      seen.push({ round: number, bytes, chunks, damage: damage.map(damageJson) })
      if (!this.#command.json) this.#world.stdout.write(verifiedText(verified))
      isWhole &&= damage.length === 0
    }
    this.#say('', seen)
    return isWhole ? EXIT.finished : EXIT.failed
  }

  async #diff(): Promise<ExitCode> {
    const numbers = await this.#numbers()
    const [from = numbers.at(-2), to = numbers.at(-1)!] = this.#command.rounds
    if (from === undefined) throw oneOnly(this.#store.place, to)
    const difference = diffSnapshots(
      await readManifest(this.#store, from),
      await readManifest(this.#store, to),
    )
    this.#say(differenceText(difference), difference)
    return EXIT.finished
  }

  async #delete(): Promise<ExitCode> {
    const number = this.#command.rounds[0]!
    const numbers = await this.#numbers()
    if (!numbers.includes(number)) await readManifest(this.#store, number)
    if (number === numbers.at(-1) && !this.#command.force) throw newest(this.#store.place, number)
    await this.#store.retire(number)
    const rest: StoredManifest[] = []
    for (const each of numbers.filter((other) => other !== number)) {
      const manifest = await this.#readOrDamage(each)
      const chunks = manifest instanceof MillraceError ? null : chunksOf(manifest)
      rest.push({ number: each, chunks: chunks?.map(({ id }) => id) ?? null })
    }
    const garbage = unnamedChunks(rest, await this.#chunkIds())
    await this.#store.delete(garbage)
    const unread = rest.filter(({ chunks }) => chunks === null).map((each) => each.number)
    const chunksKept =
      unread.length === 0
        ? ''
        : `; its chunks stay, because nobody knows which of them snapshot ${unread.join(', ')} needs`
    this.#say(`deleted snapshot ${number} from ${this.#store.place}${chunksKept}\n`, {
      deleted: number,
      chunks: garbage.length,
    })
    return EXIT.finished
  }

  /** Of all snapshots; there is at least one. */
  async #numbers(): Promise<readonly number[]> {
    const numbers = await this.#store.manifests()
    if (numbers.length > 0) return numbers
    throw emptyStore(this.#store.place)
  }

  async #readOrDamage(number: number): Promise<Manifest | MillraceError> {
    try {
      return await readManifest(this.#store, number)
    } catch (error) {
      if (isDamage(error)) return error
      throw error
    }
  }

  async #chunkIds(): Promise<readonly string[]> {
    const ids: string[] = []
    for await (const id of this.#store.list()) ids.push(id)
    return ids
  }

  #say(text: string, value: unknown): void {
    this.#world.stdout.write(this.#command.json ? `${JSON.stringify(value, null, 2)}\n` : text)
  }
}

const listedJson = (listed: Listed): object =>
  'damage' in listed ? { round: listed.number, damage: listed.damage } : listed.description

const damageJson = (error: MillraceError): object => {
  const { code, message, details } = errorToData(error)
  return { code, message, details }
}

const newest = (place: string, number: number): MillraceError =>
  new MillraceError(
    'E_BAD_ARGUMENT',
    `snapshot ${number} is the newest in ${place}: without it a job goes on from an older one, and what ` +
      'sinks have committed since comes twice. To delete it all the same: --force',
  )

const oneOnly = (place: string, number: number): MillraceError =>
  new MillraceError(
    'E_NO_SNAPSHOT',
    `${place} has only snapshot ${number}: there is nothing to compare it with`,
  )
