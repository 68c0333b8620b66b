/**
 * The rules of the house, held by a test: which folder may import which, one file per wrapped
 * package, no cycles, small files, and no word that belongs to a place of work.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const TOP = ['lib', 'actors', 'examples', 'test', 'benchmarks'] as const

/** What each folder of lib may import, beside itself. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  credit: ['base'],
  time: ['base'],
  metrics: ['base'],
  state: ['base', 'time'],
  supervision: ['base'],
  formats: ['base'],
  wire: ['base'],
  window: ['base', 'time'],
  transport: ['base', 'wire'],
  spill: ['base', 'wire'],
  operators: ['base', 'time', 'window', 'state', 'spill'],
  channel: ['base', 'wire', 'credit', 'time', 'transport', 'operators', 'snapshot'],
  connectors: ['base', 'time', 'formats', 'operators'],
  graph: ['base', 'operators', 'connectors', 'state'],
  job: ['base', 'connectors', 'graph', 'supervision'],
  cluster: ['base'],
  placement: ['base'],
  snapshot: ['base', 'time', 'window', 'state', 'wire', 'connectors', 'graph'],
  flow: ['base', 'graph', 'operators', 'connectors', 'window'],
  testing: ['base', 'connectors', 'flow'],
}

/** Each of these packages is named by exactly one file of lib and actors. */
const WRAPPED = [
  'level',
  'cbor-x',
  'comlink',
  'esbuild',
  'commander',
  'picocolors',
  '@node-rs/crc32',
  'uWebSockets.js',
  'ws',
]
/** Its types are named everywhere, since they are those of the public surface. */
const RXJS = 'lib/base/rxjs.ts'
/** Files of the public surface; the only ones that re-export. */
const ENTRIES = [
  'lib/index.ts',
  'lib/connectors/index.ts',
  'actors/index.ts',
  'actors/testing/index.ts',
]
/** Who starts an actor imports what makes it: these files put the parts together, and of whom. */
const STARTS: Readonly<Record<string, readonly string[]>> = {
  'actors/job/run.ts': ['planner'],
  'actors/job/run-module.ts': ['planner', 'worker'],
  'actors/job/threads-ahead.ts': ['planner', 'worker'],
  'actors/job/job-rounds.ts': ['checkpoint'],
  'actors/job/open-snapshots.ts': ['checkpoint'],
  'actors/job/local-slot.ts': ['worker'],
  'actors/worker/slot-runtime.ts': ['planner', 'subtask'],
  'actors/worker/slot-thread.ts': ['planner'],
  'actors/worker/create-region.ts': ['subtask'],
  'actors/worker/region-state.ts': ['subtask'],
  'actors/node/slot-ground.ts': ['worker'],
  'actors/node/bundles.ts': ['planner'],
  'actors/planner/planning-thread.ts': ['worker'],
  'actors/coordinator/cluster-pool.ts': ['job'],
  'actors/coordinator/cluster-job.ts': ['job'],
  'actors/coordinator/cluster-job-parts.ts': ['job'],
  'actors/coordinator/job-course.ts': ['job'],
  'actors/coordinator/job-lives.ts': ['job'],
  'actors/coordinator/job-moves.ts': ['job'],
  'actors/coordinator/job-stops.ts': ['job'],
  'actors/coordinator/life-beginning.ts': ['job'],
  'actors/coordinator/end-behind-checkpoint.ts': ['job'],
  'actors/coordinator/summary-before-it-began.ts': ['job'],
  'actors/coordinator/job-feed.ts': ['job'],
  'actors/coordinator/prepare-life.ts': ['job'],
  'actors/coordinator/when-running.ts': ['job'],
  'actors/coordinator/take-over.ts': ['job'],
  'actors/coordinator/life-options.ts': ['job'],
  'actors/coordinator/check-submit.ts': ['job'],
  'actors/coordinator/coordinator.ts': ['placement', 'planner'],
  'actors/coordinator/protocol.ts': ['job'],
  'actors/client/client.ts': ['planner'],
  'actors/client/watched-job.ts': ['job'],
  'actors/testing/test-run.ts': ['job'],
  'actors/cli/main.ts': ['job'],
  'actors/cli/run.ts': ['job'],
  'actors/cli/explain.ts': ['job', 'planner'],
}
const PUBLIC = ['millrace', 'millrace/actors', 'millrace/connectors', 'millrace/testing']

interface SourceFile {
  readonly path: string
  readonly text: string
  /** Files of the project it imports, relative to the root; and whether for types only. */
  readonly local: readonly string[]
  readonly packages: readonly string[]
}

const files = TOP.flatMap((top) => walk(join(root, top))).map(readSource)
const byPath = new Map(files.map((file) => [file.path, file]))
const shipped = files.filter(({ path }) => path.startsWith('lib/') || path.startsWith('actors/'))

t.test('lib never imports actors, and nothing imports test', async (t) => {
  const wrong = files.flatMap(({ path, local }) =>
    local
      .filter(
        (to) =>
          (path.startsWith('lib/') && !to.startsWith('lib/')) ||
          (!path.startsWith('test/') && to.startsWith('test/')),
      )
      .map((to) => `${path} imports ${to}`),
  )
  t.same(wrong, [])
})

t.test('a folder of lib imports only what its line lists', async (t) => {
  const wrong = shipped.flatMap(({ path, local }) => {
    const from = folderOf(path)
    if (from === null) return []
    return local.flatMap((to) => {
      const target = folderOf(to)
      if (target === null || target === from) return []
      const allowed = ARROWS[from]?.includes(target) ?? false
      return allowed ? [] : [`${path} imports ${to}`]
    })
  })
  t.same(wrong, [])
})

t.test('of a sibling actor only its protocol is imported', async (t) => {
  // The kernel is what actors are made of; `run` and the test kit put the parts together.
  const open = ['kernel']
  const wrong = shipped.flatMap(({ path, local }) => {
    const from = /^actors\/([^/]+)\//.exec(path)?.[1]
    if (from === undefined || ENTRIES.includes(path)) return []
    return local.flatMap((to) => {
      const target = /^actors\/([^/]+)\/(.+)$/.exec(to)
      if (target === null || target[1] === from || open.includes(target[1]!)) return []
      const isProtocol = target[2] === 'protocol.ts' || STARTS[path]?.includes(target[1]!) === true
      return isProtocol ? [] : [`${path} imports ${to}`]
    })
  })
  t.same(wrong, [])
})

t.test('nothing is imported in a circle, types neither', async (t) => {
  t.same(findCycles(), [])
})

t.test('each wrapped package is named by one file', async (t) => {
  for (const name of WRAPPED) {
    const users = shipped.filter(({ packages }) => packages.includes(name)).map(({ path }) => path)
    t.ok(users.length <= 1, `${name}: ${users.join(', ')}`)
  }
})

t.test('of rxjs all but one file import types only', async (t) => {
  const wrong = shipped
    .filter(({ path, text }) => path !== RXJS && /^import (?!type )[^'";]*'rxjs\b/m.test(text))
    .map(({ path }) => path)
  t.same(wrong, [])
})

t.test('examples import public entry points only', async (t) => {
  const wrong = files
    .filter(({ path }) => path.startsWith('examples/'))
    .flatMap(({ path, local, packages }) => [
      ...local.filter((to) => !to.startsWith('examples/')).map((to) => `${path}: ${to}`),
      ...packages
        .filter((name) => name.startsWith('millrace') && !PUBLIC.includes(name))
        .map((name) => `${path}: ${name}`),
    ])
  t.same(wrong, [])
})

t.test('an example stays below 100 lines, and only entry points re-export', async (t) => {
  const long = files
    .filter(({ path, text }) => path.startsWith('examples/') && text.split('\n').length > 100)
    .map(({ path }) => path)
  const barrels = shipped
    .filter(
      ({ path, text }) =>
        !ENTRIES.includes(path) && /^export \{[^}]*\} from|^export \* from/m.test(text),
    )
    .map(({ path }) => path)
  t.same({ long, barrels }, { long: [], barrels: [] })
})

t.test('no default exports, enums, or names that say nothing', async (t) => {
  const wrong = shipped.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        /^export default|^(export )?(const )?enum |\b(class|interface|type|function) (I[A-Z][a-z]\w*|\w+(Impl|Manager|Helper|Utils))\b/.test(
          line,
        )
          ? [`${path}:${index + 1}: ${line.trim()}`]
          : [],
      ),
  )
  t.same(wrong, [])
})

t.test('what a test draws can be drawn again: only one file reads the seed of a run', async (t) => {
  const seeds = 'test/support/test-seed.ts'
  const wrong = files
    .filter(({ path, text }) => path !== seeds && /\benv\.\w*SEED\b/.test(text))
    .map(({ path }) => `${path} reads a seed`)
  const drawing = files
    .filter(({ text, local }) => /\bfc\.assert\(/.test(text) && !local.includes(seeds))
    .map(({ path }) => `${path} checks properties without a seed of ${seeds}`)
  const late = files
    .filter(({ path, text }) => path !== seeds && /^[ ]+(?!\* ).*\btestSeed\(\)/m.test(text))
    .map(({ path }) => `${path} takes a seed while it runs, which is not said if it dies`)
  t.same([...wrong, ...drawing, ...late], [])
})

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'fixtures' ? [] : walk(path)
    return entry.name.endsWith('.ts') ? [path] : []
  })
}

function readSource(file: string): SourceFile {
  const text = readFileSync(file, 'utf8')
  const path = relative(root, file)
  const local: string[] = []
  const packages: string[] = []
  const imports =
    /^\s*(?:import|export)\s+(?:type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm
  for (const [, from, dynamic] of text.matchAll(imports)) {
    const name = (from ?? dynamic)!
    if (name.startsWith('.')) {
      const target = relative(root, resolve(dirname(file), name.replace(/\.js$/, '.ts')))
      local.push(target)
    } else packages.push(name)
  }
  return { path, text, local, packages }
}

function folderOf(path: string): string | null {
  return /^lib\/([^/]+)\//.exec(path)?.[1] ?? null
}

function findCycles(): string[] {
  const cycles: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path)
    if (at >= 0) {
      cycles.push([...trail.slice(at), path].join(' → '))
      return
    }
    if (done.has(path)) return
    for (const to of byPath.get(path)?.local ?? []) visit(to, [...trail, path])
    done.add(path)
  }
  for (const { path } of files) visit(path, [])
  return cycles
}
