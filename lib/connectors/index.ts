/**
 * `millrace/connectors`: where records come from and where they go.
 *
 * One rule for names: the bare name reads, the same name with a suffix writes.
 *
 * | format or partner | source               | sink                    |
 * |-------------------|----------------------|-------------------------|
 * | lines of text     | `lines`              | `linesFile`             |
 * | CSV               | `csv`                | `csvFile`               |
 * | JSON per line     | `ndjson`             | `ndjsonFile`            |
 * | parts of a whole  |                      | `partFiles`             |
 * | keys and values   |                      | `levelSink`             |
 * | TCP, lines        | `socketLines`        | `socketLinesSink`       |
 * | standard in/out   | `lines('-')`         | `print`                 |
 * | values at hand    | `collection`         | `results`, `callback`   |
 * | computed          | `generate`           | `blackhole`             |
 * | RxJS              | `fromObservable`     | `toObservable`          |
 * | async iteration   | `fromAsyncIterable`  |                         |
 *
 * Each file begins with what the connector guarantees. Own connectors implement `Source` and `Sink`.
 */
export { blackhole } from './blackhole.js'
export { type CallbackOptions, callback } from './callback.js'
export { type CollectionOptions, collection, fromArray } from './collection.js'
export { type CsvOptions, type CsvRow, csv } from './csv.js'
export { type CsvFileOptions, csvFile } from './csv-file.js'
export type { FileSinkOptions } from './file-target.js'
export type { FollowOptions } from './follow-source.js'
export { type AsyncIterableOptions, fromAsyncIterable } from './from-async-iterable.js'
export { fromObservable, type ObservableOptions } from './from-observable.js'
export { type GenerateOptions, type Generator, generate } from './generate.js'
export { type LevelSinkOptions, levelSink } from './level-sink.js'
export { type LinesOptions, lines } from './lines.js'
export { type LinesFileOptions, linesFile } from './lines-file.js'
export type { FilePaths } from './list-files.js'
export { type NdjsonOptions, ndjson } from './ndjson.js'
export { ndjsonFile } from './ndjson-file.js'
export { type PartFilesOptions, partFiles } from './part-files.js'
export { type PrintOptions, print } from './print.js'
export { results, toObservable } from './results.js'
export type {
  ClearedRun,
  Sink,
  SinkContext,
  SinkGuarantee,
  SinkWriter,
  TransactionalWriter,
} from './sink.js'
export { type SocketAddress, type SocketLinesOptions, socketLines } from './socket-lines.js'
export { type SocketLinesSinkOptions, socketLinesSink } from './socket-lines-sink.js'
export type { ReadStatus, Source, SourceContext, SourceReader, Split } from './source.js'
export type { FileOptions } from './text-source.js'
