/** `millrace state read`: what an operator keeps, in a snapshot. */
import type { ChunkStore } from '../../lib/snapshot/chunk-store.js'
import type { Manifest } from '../../lib/snapshot/manifest.js'
import { openToRead } from '../../lib/snapshot/open-to-read.js'
import { isKey, readState } from '../../lib/snapshot/read-state.js'
import { emptyStore } from '../../lib/snapshot/store-error.js'
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
  const { store, close } = await openToRead(command.directory)
  let isRead = true
  const cancel = world.onOutputClosed(() => {
    isRead = false
  })
  try {
    const manifest = await readManifest(store, command.round ?? (await newestIn(store)))
    const { operator, state, key, json } = command
    const window = manifest.operators.find(({ name }) => name === operator)?.window
    const query = { operator, state, isWanted: key === null ? null : isWantedKey(key) }
    let rows = 0
    let text = ''
    for await (const row of readState(store, manifest, query)) {
      if (!isRead) break
      rows++
      text += `${json ? rowJson(row) : rowText(row, window)}\n`
      if (text.length < WRITE_CHARS) continue
      world.stdout.write(text)
      text = ''
    }
    world.stdout.write(text)
    if (key === null || rows > 0 || !isRead) return EXIT.finished
    world.stderr.write(`millrace: ${nothingText(command, key, manifest)}\n`)
    return EXIT.failed
  } finally {
    cancel()
    await close()
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

/** Else a key that was misspelt would look like one whose state is empty. */
function nothingText(
  { operator, state }: StateReadCommand,
  key: string,
  { round }: Manifest,
): string {
  const whose = state === null ? '' : ` in its state "${state}"`
  const none = `operator "${operator}" keeps nothing of key ${key}${whose} in snapshot ${round}`
  const why = /^[[{"]/.test(key) ? brokenJson(key) : null
  return why === null ? none : `${none}; it was read as text, because it is no JSON: ${why}`
}

function brokenJson(text: string): string | null {
  try {
    JSON.parse(text)
    return null
  } catch (error) {
    return (error as Error).message
  }
}

async function newestIn(store: ChunkStore): Promise<number> {
  const newest = (await store.manifests()).at(-1)
  if (newest !== undefined) return newest
  throw emptyStore(store.place)
}
