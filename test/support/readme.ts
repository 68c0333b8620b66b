/** The code blocks of the README, so that what it shows can be tried. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const projectRoot = fileURLToPath(new URL('../../..', import.meta.url))

export interface CodeBlock {
  readonly language: string
  readonly code: string
  /** A TypeScript block names its file in its first line: `// word-count.ts`. */
  readonly file: string | null
}

export function readmeBlocks(): readonly CodeBlock[] {
  const text = readFileSync(`${projectRoot}README.md`, 'utf8')
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', code = '']) => ({
    language,
    code,
    file: /^\/\/ ([\w.-]+\.c?ts)\b/.exec(code)?.[1] ?? null,
  }))
}

/** The only block of a language that contains `text`. */
export function readmeBlock(language: string, text: string): CodeBlock {
  const found = readmeBlocks().filter(
    (block) => block.language === language && block.code.includes(text),
  )
  if (found.length === 1) return found[0]!
  throw new Error(`README: ${found.length} ${language} blocks contain ${JSON.stringify(text)}`)
}
