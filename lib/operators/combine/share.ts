import type { AnyStream, Op } from '../stream.js'

/**
 * The stream itself. RxJS needs `share` so that several subscribers use one source; here any stream may
 * be used by several branches, and each source is read once. It is there for pipelines that come from
 * RxJS, adds nothing, and keeps everything.
 *
 *     share()
 */
export function share<S extends AnyStream>(): Op<S, S> {
  return (stream) => stream
}
