/** `millrace state read`: what an operator keeps, in a snapshot. */
import { MillraceError } from '../../lib/base/errors.js'
import type { ChunkStore } from '../../lib/snapshot/chunk-store.js'
import { openLevelChunkStore } from '../../lib/snapshot/level-chunk-store.js'
import { isKey, readState } from '../../lib/snapshot/read-state.js'
import { readManifest } from '../../lib/snapshot/verify.js'
import { EXIT, type ExitCode } from './exit.js'
import type { StateReadCommand } from './snapshot-commands.js'
import { rowJson, rowText } from './state-text.js'
import type { CliWorld } from './world.js'

/** Characters that are written in one go. */
const WRITE_CHARS = 65_536

export async function stateReadCommand(
  command: StateReadCommand,
  world: CliWorld,
): Promise<ExitCode> {
  const store = await openLevelChunkStore(command.directory, { create: false })
  let isRead = true
  const cancel = world.onOutputClosed(() => {
    isRead = false
  })
  try {
    const manifest = await readManifest(store, command.round ?? (await newestIn(store)))
    const { operator, state, key, json } = command
    const query = { operator, state, isWanted: key === null ? null : isWantedKey(key) }
    let text = ''
    for await (const row of readState(store, manifest, query)) {
      if (!isRead) break
      text += `${json ? rowJson(row) : rowText(row)}\n`
      if (text.length < WRITE_CHARS) continue
      world.stdout.write(text)
      text = ''
    }
    world.stdout.write(text)
    return EXIT.finished
  } finally {
    cancel()
    await store.close()
  }
}

/** `7` is the number and the text: whoever asks for one of them means the one that is there. */
function isWantedKey(text: string): (key: unknown) => boolean {
  const isText = isKey(text)
  try {
    const isJson = isKey(JSON.parse(text))
    return (key) => isText(key) || isJson(key)
  } catch {
    return isText
  }
}

async function newestIn(store: ChunkStore): Promise<number> {
  const newest = (await store.manifests()).at(-1)
  if (newest !== undefined) return newest
  throw new MillraceError(
    'E_NO_SNAPSHOT',
    `there are no snapshots in ${store.place}: it is empty`,
    {
      details: { place: store.place },
    },
  )
}
