/** Blocks its thread in one long turn, and says when it begins. */
import { writeFileSync } from 'node:fs'
import { map, pipeline } from 'millrace'
import { blackhole, generate } from 'millrace/connectors'

export default ({ marker }: { readonly marker: string }) =>
  pipeline('blocking', (flow) =>
    flow
      .from(generate(10, (i) => i))
      .pipe(
        map((i: number) => {
          writeFileSync(marker, String(Date.now()))
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000)
          return i
        }),
      )
      .to(blackhole()),
  )
