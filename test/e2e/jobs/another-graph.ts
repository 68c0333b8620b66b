/** Builds another graph in each thread. */
import { threadId } from 'node:worker_threads'
import { map, pipeline } from 'millrace'
import { blackhole, generate } from 'millrace/connectors'

export default pipeline('another-graph', (flow) =>
  flow
    .from(generate(10, (i) => i))
    .pipe(map((i: number) => i, { name: `in thread ${threadId}` }))
    .to(blackhole()),
)
