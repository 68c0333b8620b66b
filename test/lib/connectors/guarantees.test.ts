import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const FOLDER = fileURLToPath(new URL('../../../../lib/connectors/', import.meta.url))

/** The functions that make connectors, by the file that each is exported from. */
function connectors(): readonly (readonly [name: string, file: string])[] {
  const index = readFileSync(`${FOLDER}index.ts`, 'utf8')
  return [...index.matchAll(/^export \{([^}]*)\} from '\.\/([\w-]+)\.js'/gm)].flatMap(
    ([, names, file]) =>
      names!
        .split(',')
        .map((name) => name.trim())
        .filter((name) => /^[a-z]/.test(name) && !name.startsWith('type '))
        .map((name) => [name, file!] as const),
  )
}

t.test('each connector states its guarantee where its file begins', async (t) => {
  const found = connectors()
  t.ok(found.length >= 18, `${found.length} connectors`)
  for (const [name, file] of found) {
    const text = readFileSync(`${FOLDER}${file}.ts`, 'utf8')
    const doc = /^\/\*\*.*?\*\//s.exec(text)?.[0] ?? ''
    t.match(doc, /guarantee/i, name)
  }
})
