/**
 * Folders for files that live no longer than their process: `<root>/<prefix><host>-<process id>`. What a
 * killed process leaves behind is removed by the next one of that host: the name says who is gone.
 */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'

/** File systems allow 255. What tells names apart stands at their end. */
const NAME_CHARS_MAX = 120

/** Of all threads of this process. */
export const ownFolder = (prefix: string, root: string): string =>
  join(root, `${hostPrefix(prefix)}${process.pid}`)

/** Removes the folders of processes of this host that live no more. Best effort: others may do it too. */
export function removeLeftovers(prefix: string, root: string): void {
  const begin = hostPrefix(prefix)
  try {
    for (const name of readdirSync(root)) {
      if (!name.startsWith(begin)) continue
      const pid = Number(name.slice(begin.length))
      if (!Number.isInteger(pid) || pid <= 0 || isAlive(pid)) continue
      rmSync(join(root, name), { recursive: true, force: true })
    }
  } catch {}
}

/** Removes what lies there of a job that has ended: mostly nothing, since little of what runs ever spills. */
export function removeJobFolder(prefix: string, root: string, job: string): void {
  const own = ownFolder(prefix, root)
  if (!existsSync(own)) return
  rmSync(join(own, fileName(job)), { recursive: true, force: true })
  removeIfEmpty(own)
}

export function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {}
}

/** Safe as the name of a file, and different for different names. */
export const fileName = (name: string): string =>
  name
    .replace(/[^\w-]/g, (character) => `.${character.codePointAt(0)!.toString(16)}.`)
    .slice(-NAME_CHARS_MAX)

const hostPrefix = (prefix: string): string => `${prefix}${fileName(hostname())}-`

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
