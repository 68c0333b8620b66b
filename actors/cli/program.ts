/** What commands are declared with, and how the values of their options are read. Wraps commander. */
import { Command as Commander, CommanderError, InvalidArgumentError } from 'commander'

/** A command, or all of them, while they are declared. */
export type Program = Commander

export const newProgram = (name: string): Program => new Commander(name)

/** What parsing says of a wrong command line, or how it ends where help was asked for. */
export function stopOf(thrown: unknown): { readonly ok: boolean; readonly message: string } {
  if (!(thrown instanceof CommanderError)) throw thrown
  return { ok: thrown.exitCode === 0, message: thrown.message }
}

/** Reads a whole number from 1 to `max`. */
export const wholeNumber = (max: number) => (text: string) => {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${max}.`)
}

/** Reads `name=value`, and adds it to those given before. */
export function namedArgument(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  const name = text.slice(0, at)
  if (at < 1) throw new InvalidArgumentError('Expected name=value.')
  if (name === '_') throw new InvalidArgumentError('_ holds the arguments without a name.')
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`${name} is given twice.`)
  return Object.fromEntries([...Object.entries(before), [name, text.slice(at + 1)]])
}

/** Adds a text to those given before. */
export const listed = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  text,
]

/** Refuses the command line. `message` begins as commander's own do. */
export const wrongFlags = (message: string): Error => new InvalidArgumentError(`error: ${message}`)
