/** The one file that names `level`: an ordered store of bytes by text, in a directory. */
import { Level } from 'level'

export type LevelDb = Level<string, Uint8Array>

/** Opens, or makes, the store in `directory`. Rejects as `level` does. */
export async function openLevel(directory: string, create: boolean): Promise<LevelDb> {
  const db: LevelDb = new Level(directory, {
    keyEncoding: 'utf8',
    valueEncoding: 'view',
    createIfMissing: create,
    // Chunks are columns of numbers and short texts: not worth the time of compressing them.
    compression: false,
  })
  await db.open()
  return db
}
