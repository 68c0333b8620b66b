/**
 * Lines: what lies between newlines. `\n` and `\r\n` end a line; a lone `\r` belongs to it. The last
 * line needs no newline; a newline at the end of the input begins no further line.
 */
import type { Decoder } from './decoder.js'

const CARRIAGE_RETURN = 13

export class LineDecoder implements Decoder<string> {
  line = 0

  decode(text: string, from: number, final: boolean, out: string[], max: number): number {
    let at = from
    let left = max
    while (left > 0 && at < text.length) {
      const newline = text.indexOf('\n', at)
      if (newline === -1) {
        if (!final) break
        out.push(text.slice(at))
        this.line++
        return text.length
      }
      const crlf = newline > at && text.charCodeAt(newline - 1) === CARRIAGE_RETURN
      out.push(text.slice(at, crlf ? newline - 1 : newline))
      at = newline + 1
      left--
    }
    this.line += max - left
    return at
  }
}
