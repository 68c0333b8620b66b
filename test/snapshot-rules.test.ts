/**
 * The rules that snapshots keep, and the tests that hold them. A rule without a test is named here with
 * the reason, so that nobody takes it for kept.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** A file below test/, and a test in it by the beginning of its name; … for what is put in. */
type Held = readonly [file: string, name: string]

interface Rule {
  readonly says: string
  readonly by: readonly Held[]
}

const ALIGNMENT = 'lib/snapshot/barrier-alignment'
const CHECKPOINT = 'lib/snapshot/checkpoint'
const STATE = 'lib/snapshot/state-rounds'
const CHOICE = 'lib/snapshot/restore-choice'
const STORES = 'actors/snapshot-stores'
const PARTS = 'lib/connectors/part-files'
const FILES = 'lib/connectors/file-sinks-in-snapshots'
const OVERTAKING = 'lib/channel/overtaking'
const FLIGHTS = 'lib/snapshot/flights'
const UNALIGNED = 'e2e/unaligned'
const SIMULATION = 'simulation/checkpoints'
const SAVEPOINTS = 'e2e/savepoints'
const FAULTS = 'e2e/snapshot-faults'
const NOBODY = 'e2e/prepared-for-nobody'

const RULES: readonly Rule[] = [
  // ---- protocol -------------------------------------------------------------------------------
  {
    says: 'a barrier holds back what follows it until every channel has aligned',
    by: [
      [ALIGNMENT, 'holds records behind a barrier until every channel has aligned or ended'],
      [SIMULATION, 'the oracle sees a mutant: '],
    ],
  },
  {
    says: 'a round is committed when all have acknowledged, and only then are sinks told to commit',
    by: [
      [CHECKPOINT, 'a round begins after its interval, is committed when all have acknowledged'],
      [SIMULATION, 'the oracle sees a mutant: '],
    ],
  },
  {
    says: 'the manifest is one atomic, synced write',
    by: [
      ['e2e/failpoints', 'whichever step a process dies at, each row is in the output once'],
      ['lib/snapshot/store-crash', 'a power cut loses nothing that was acknowledged'],
    ],
  },
  {
    says: 'exactly once, whatever is joined, shuffled or restarted, at every step of a round',
    by: [
      [SIMULATION, '… seeds: every row is shown once, and every count is right'],
      ['e2e/crashes', '… kills of the process: each row is in the output once'],
      ['e2e/worker-faults', 'after … in a worker, each row is in the output once'],
    ],
  },
  {
    says: 'at least once blocks no channel and loses nothing',
    by: [
      [ALIGNMENT, 'at least once blocks nothing, and passes each round once'],
      [FAULTS, 'at least once loses nothing, however often it fails'],
    ],
  },
  {
    says: 'barriers of an unaligned round overtake data, and what they overtake is stored with it',
    by: [
      [OVERTAKING, 'the barrier of an unaligned round is next, whatever waits, and that is logged'],
      [
        OVERTAKING,
        'at any moment, each record is taken before the barrier or logged, and none twice',
      ],
      ['conformance/channel', 'at an unaligned barrier, each record is taken, in flight, or held'],
      [FLIGHTS, 'batches and frames are stored in their order, by who had them'],
      [SIMULATION, '… seeds: every row is shown once, and every count is right'],
      [UNALIGNED, 'kill -9 under pressure, and each row is there once: '],
    ],
  },
  {
    says: 'a round becomes unaligned by itself once it has taken too long',
    by: [
      [CHECKPOINT, 'a round becomes unaligned once it has taken too long, and only once'],
      [OVERTAKING, 'a round that is hurried leaves what has aligned, and logs the rest'],
      ['conformance/channel', 'a barrier that waits behind data goes ahead of it when hurried'],
      [
        UNALIGNED,
        'under pressure an aligned round waits for all that is queued, an unaligned one for',
      ],
    ],
  },
  {
    says: 'the sender stores what it holds, the receiver its queue and arrivals, whole batches only',
    by: [
      ['conformance/channel', 'at an unaligned barrier, each record is taken, in flight, or held'],
      [FLIGHTS, 'of a large record the receiver keeps nothing unless it has the last fragment'],
    ],
  },
  {
    says: 'records in flight are re-partitioned one by one, before new input',
    by: [
      [
        FLIGHTS,
        'whatever the parallelism and the key groups, each record is dealt out once, where it belongs',
      ],
      [OVERTAKING, 'what was in flight is replayed behind the restored watermark, before all else'],
    ],
  },
  {
    says: 'forward, rescale, broadcast and custom edges always align',
    by: [
      [OVERTAKING, 'only edges whose records can be dealt out anew are overtaken'],
      [OVERTAKING, 'a channel whose records cannot be dealt out aligns all the same'],
    ],
  },
  {
    says: 'one unaligned round at a time, and none that was asked for',
    by: [
      [CHECKPOINT, 'a round that was asked for aligns, whatever that takes'],
      ['actors/checkpoint-options', 'unaligned rounds come one at a time'],
    ],
  },
  {
    says: 'what half an aggregation flushes before a barrier goes before an unaligned one too',
    by: [
      [
        'conformance/channel',
        'flooded, takes what a barrier flushes, and is as tight as ever behind it',
      ],
    ],
  },
  {
    says: 'a round that cannot be taken is given up with its reason, and changes nothing',
    by: [
      [ALIGNMENT, 'a round that was given up blocks nobody, and its late barriers are no news'],
      [
        FAULTS,
        'a round whose sink hangs is given up in time; what it prepared comes with the next',
      ],
      [FAULTS, 'state that no snapshot can hold is named, with its operator'],
    ],
  },
  {
    says: 'rounds that fail too often in a row fail the job',
    by: [
      [CHECKPOINT, 'more failures in a row than are tolerable fail the job'],
      [FAULTS, 'a job whose checkpoints fail too often fails, and says why'],
    ],
  },
  {
    says: 'a store that takes nothing more ends the job at once; a full disk is waited for',
    by: [
      ['lib/snapshot/store-error', 'a store is lost by all but a full disk'],
      [CHECKPOINT, 'a round that fails because the store is lost fails the job'],
      [FAULTS, 'a directory that is … under way ends the job at once, and is named'],
      [
        FAULTS,
        'on a full disk no checkpoint is taken, and the next one is as soon as there is room',
      ],
    ],
  },
  {
    says: 'barriers begin at every running subtask without running predecessors',
    by: [
      [ALIGNMENT, 'a subtask whose senders have all ended takes part when it is told of the round'],
    ],
  },
  {
    says: 'the manifest records running, ended and finished',
    by: [
      [CHECKPOINT, 'a subtask that has finished is waited for by no round'],
      [CHECKPOINT, 'a round comes at once where a sink has only to commit'],
    ],
  },
  {
    says: 'a finished source restores with no splits',
    by: [[SAVEPOINTS, 'restored, a job that has finished ends at once, with no output']],
  },
  {
    says: 'a sink finishes after a round begun after its end has committed',
    by: [
      [CHECKPOINT, 'a round comes at once where a sink has only to commit'],
      [
        'lib/connectors/level-sink',
        'an end that comes while a barrier is being written loses nothing',
      ],
    ],
  },
  // ---- state ----------------------------------------------------------------------------------
  {
    says: 'state is frozen at the barrier: an entry touched before it was encoded is encoded first',
    by: [[STATE, 'a round restores what was there when it began, whatever happens meanwhile']],
  },
  {
    says: 'what a round does at the barrier does not depend on how much state there is',
    by: [
      [
        'lib/snapshot/round-begins',
        'a round begins without looking at any entry, however many there are',
      ],
    ],
  },
  {
    says: 'handing out a reference, set, delete, clear and timer changes are touches; large lists and maps are touched per element',
    by: [
      [STATE, 'a round restores what was there when it began, whatever happens meanwhile'],
      [STATE, 'a round holds what has changed since the last that is complete, and no more'],
    ],
  },
  {
    says: 'one round encodes at a time',
    by: [
      [
        'actors/subtask-rounds',
        'a barrier that comes while the round before is still being encoded gives',
      ],
    ],
  },
  {
    says: 'deltas are against the newest complete round; what an aborted round held merges back',
    by: [[STATE, 'a round holds what has changed since the last that is complete, and no more']],
  },
  {
    says: 'compaction bounds the chain of deltas',
    by: [[STATE, 'a chain is no longer and no heavier than a round from the beginning is worth']],
  },
  {
    says: 'with another parallelism state moves by key group, and the result is the same',
    by: [
      [STATE, 'with another parallelism the subtasks hold together what there was'],
      [SAVEPOINTS, 'rescaled from 1 to 3 to 2 through savepoints, the result is the same'],
    ],
  },
  {
    says: 'asynchronous records in flight are stored, and called again',
    by: [
      [SIMULATION, '… seeds: every row is shown once, and every count is right'],
      [SIMULATION, 'the oracle sees a mutant: '],
    ],
  },
  {
    says: 'partly emitted expansions are stored with the number of results already sent',
    by: [
      [
        'lib/operators/held-records',
        'a barrier at any moment: restored, each result comes once, in order',
      ],
      ['actors/partly-emitted', 'checkpoints complete while a record expands without end: …'],
    ],
  },
  {
    says: 'every operator goes on from its snapshot as if nothing had happened',
    by: [
      [
        'lib/operators/every-operator',
        'restored at a barrier, it goes on as if nothing had happened',
      ],
    ],
  },
  // ---- sources --------------------------------------------------------------------------------
  {
    says: 'a position is that of the last record emitted before the barrier',
    by: [
      ['lib/connectors-sources', 'every source keeps the contract'],
      [SIMULATION, 'the oracle sees a mutant: '],
    ],
  },
  {
    says: 'splits have stable ids',
    by: [
      ['lib/connectors-sources', 'lines of one file are shared by several splits with stable ids'],
    ],
  },
  {
    says: 'assignments made after the trigger return to the assigner',
    by: [
      [SIMULATION, '… seeds: every row is shown once, and every count is right'],
      [SIMULATION, 'the oracle sees a mutant: '],
    ],
  },
  // ---- store ----------------------------------------------------------------------------------
  {
    says: 'chunks are in the durable tier of a cluster before they are acknowledged',
    by: [['cluster/phases', 'whoever dies at whichever step, each row is in the output once']],
  },
  {
    says: 'chunks on their way delay neither data nor heartbeats',
    by: [
      ['cluster/slow-link', 'chunks of megabytes on a link of 1 Mbit/s delay neither heartbeats'],
    ],
  },
  {
    says: 'local copies only speed recovery up: the death of a node loses no completed checkpoint',
    by: [
      [
        'cluster/local-copies',
        'of a node that has died the others fetch its part, and read their own',
      ],
      [
        'cluster/local-copies',
        'damaged copies are fetched from the coordinator, and the result is the same',
      ],
      ['cluster/local-copies', 'without copies the same restart reads all from the coordinator'],
    ],
  },
  {
    says: "the level backend's working directory is wiped at every start; state comes from chunks alone",
    by: [
      ['lib/state/level-rows', 'it begins empty, and leaves nothing'],
      ['lib/state/level-rows', 'what a killed process has left is removed'],
      ['e2e/crashes', 'state larger than its cache: after kills each row is in the output once'],
    ],
  },
  {
    says: 'chunks are immutable',
    by: [['conformance/chunk-store', 'refuses to change a chunk']],
  },
  {
    says: 'chunks are synced before their acknowledgement',
    by: [
      ['lib/snapshot/store-crash', 'a power cut loses nothing that was acknowledged'],
      ['lib/snapshot/store-crash', 'nothing is acknowledged behind a sync that failed'],
    ],
  },
  {
    says: 'garbage collection spares chunks of retained manifests, pending commits and running rounds',
    by: [
      [STORES, 'keeps the manifests that are retained, and the chunks that they name'],
      [STORES, 'spares what a round under way may build on'],
      [
        'lib/snapshot/retention',
        'chunks of rounds under way are spared; those of abandoned ones are not',
      ],
    ],
  },
  {
    says: 'on a full disk the job goes on, and checkpoints do once there is room',
    by: [
      [
        FAULTS,
        'on a full disk no checkpoint is taken, and the next one is as soon as there is room',
      ],
    ],
  },
  {
    says: 'a directory that cannot be written to is refused before anything runs',
    by: [[FAULTS, 'a directory that cannot be written to is told before anything runs']],
  },
  // ---- damage ---------------------------------------------------------------------------------
  {
    says: 'every chunk is verified by SHA-256, length and count before a restore, and named where damaged',
    by: [
      [
        'lib/snapshot/verify',
        'a chunk that is missing, short, long or flipped is named with its place',
      ],
      ['lib/snapshot/store-damage', 'a flipped bit anywhere gives what was committed, or is told'],
      [
        'e2e/restores',
        'a damaged snapshot is not restored, but named, until duplicates are accepted',
      ],
    ],
  },
  {
    says: 'falling back happens by itself only where nothing can come twice',
    by: [[CHOICE, 'behind a damaged one falls back by itself where nothing can come twice']],
  },
  {
    says: 'else the job stops, naming chunk, round and range, until the duplicates are accepted',
    by: [
      [CHOICE, 'else it stops, and names chunk, round and the range that would come twice'],
      [CHOICE, 'until the duplicates are accepted'],
      [
        'e2e/restores',
        'a damaged snapshot is not restored, but named, until duplicates are accepted',
      ],
    ],
  },
  {
    says: 'never start empty silently',
    by: [
      [CHOICE, 'where none is whole it never starts empty, whatever is accepted'],
      [SAVEPOINTS, 'an empty directory is begun at the beginning, a used one only when told how'],
    ],
  },
  // ---- sinks ----------------------------------------------------------------------------------
  {
    says: 'each connector states its guarantee',
    by: [
      ['lib/connectors/guarantees', 'each connector states its guarantee where its file begins'],
    ],
  },
  {
    says: 'part files carry subtask, round, run and attempt; no attempt goes on with the file of another',
    by: [
      [PARTS, 'sorted by name, the parts of a subtask hold its records in order'],
      [PARTS, 'recover deletes what former attempts left, and nothing else'],
      ['e2e/savepoints', 'rescaled from 1 to 3 to 2'],
    ],
  },
  {
    says: 'part files roll at every barrier',
    by: [[PARTS, 'a part is in progress, then pending, then committed']],
  },
  {
    says: 'a commit links, syncs the directory, then unlinks',
    by: [
      ['e2e/failpoints', 'whichever step a process dies at, each row is in the output once'],
      ['lib/connectors/disk-faults', '… power cuts each: what was acknowledged is there'],
    ],
  },
  {
    says: 'sinks prepare in the barrier and commit after the round',
    by: [
      [PARTS, 'a part is in progress, then pending, then committed'],
      [SIMULATION, 'the oracle sees a mutant: '],
    ],
  },
  {
    says: 'a commit is repeated on recovery, with the same result',
    by: [
      [PARTS, 'part files keep the contract of two phases, through every crash'],
      [PARTS, 'a crash in the middle of a commit leaves what the next one completes'],
    ],
  },
  {
    says: 'EEXIST with the same length and hash means done; neither file present is a failure',
    by: [[PARTS, 'a commit finds what it had done, and says what it cannot find']],
  },
  {
    says: "clean-up deletes only older attempts' files that nobody names",
    by: [
      [PARTS, 'recover deletes what former attempts left, and nothing else'],
      [NOBODY, 'a job that is cancelled before its first checkpoint leaves nothing prepared'],
      [NOBODY, 'a job that fails before its first checkpoint leaves nothing prepared'],
      [NOBODY, 'a restart from the beginning clears away what was prepared before'],
      [NOBODY, 'what a snapshot may name is left where it is'],
      [NOBODY, "output of other runs is nobody's to clear away"],
      [STORES, 'what may be stored is known before it is stored'],
    ],
  },
  {
    says: 'part files are durable when they are acknowledged',
    by: [['lib/connectors/disk-faults', '… power cuts each: what was acknowledged is there']],
  },
  {
    says: 'plain files are synced at the barrier, and cut back to it',
    by: [
      [FILES, 'a barrier makes durable what came before it, and describes it'],
      [FILES, 'whatever the snapshots and failures, every record is in the file once'],
    ],
  },
  // ---- savepoints and ends --------------------------------------------------------------------
  {
    says: 'an intermediate savepoint commits nothing; what it prepared commits with the next checkpoint',
    by: [[SAVEPOINTS, 'a savepoint commits nothing; the checkpoint behind it does']],
  },
  {
    says: "a savepoint is never the running job's recovery point",
    by: [[CHECKPOINT, 'a savepoint is no recovery point of the job']],
  },
  {
    says: 'a savepoint is complete in itself',
    by: [[SAVEPOINTS, 'a savepoint is complete in itself, wherever it is copied to']],
  },
  {
    says: 'the first checkpoint after a savepoint that is not claimed is full',
    by: [[SAVEPOINTS, 'what follows a restored savepoint needs it no more']],
  },
  {
    says: 'a savepoint that is claimed is deleted behind the first checkpoint',
    by: [[SAVEPOINTS, 'a savepoint that is claimed is deleted behind the first checkpoint']],
  },
  {
    says: 'restoring an intermediate savepoint is refused while the original runs',
    by: [[SAVEPOINTS, 'a savepoint behind which the job went on is no second life of it']],
  },
  {
    says: '--transactions commit|discard',
    by: [
      [SAVEPOINTS, 'a savepoint behind which the job went on is no second life of it'],
      [SAVEPOINTS, 'output that a savepoint had prepared is committed where that is said'],
      [SAVEPOINTS, 'output that a savepoint had prepared is left alone where it is discarded'],
    ],
  },
  {
    says: 'maxParallelism can be changed at a restore',
    by: [[SAVEPOINTS, 'with another number of key groups each key finds its new one']],
  },
  {
    says: 'versioned state is brought up to date by upcasters, checked before anything runs',
    by: [
      ['e2e/state-versions', 'values of former versions are upcast, one version after another'],
      ['e2e/state-versions', 'a version that cannot be read is refused before anything runs'],
    ],
  },
  {
    says: 'stop ends after its commits have succeeded, without final results',
    by: [[SAVEPOINTS, 'a stopped job goes on exactly where it was']],
  },
  {
    says: 'state that the pipeline no longer has is dropped only where that is allowed',
    by: [[SAVEPOINTS, 'state of an operator that is no more is refused with a report, or dropped']],
  },
  {
    says: 'Ctrl-C stops where there is a checkpoint directory, and says how to go on',
    by: [['e2e/restores', 'Ctrl-C stops behind a checkpoint and says how to go on']],
  },
  {
    says: 'evacuate moves the work of a node elsewhere',
    by: [
      ['cluster/placement', 'a node leaves with nothing on it, and its job goes on elsewhere'],
      ['cluster/placement', 'several nodes are evacuated at once, by one move'],
    ],
  },
  {
    says: 'drain ends the sources with final results; without a checkpoint directory Ctrl-C drains',
    by: [
      ['e2e/ends', 'drain ends the sources, and what they gave comes out'],
      ['actors/cli-run', 'Ctrl-C ends a job with what it has read, and SIGTERM does'],
    ],
  },
]

/** Rules of the design that no test holds, and why. No more than these: who adds one says so in the test below. */
const UNTESTED: Readonly<Record<string, string>> = {
  'the longest gap in processing during a round is 10 ms':
    'measured, not tested: npm run bench -- snapshots',
}

t.test('each rule is held by tests that exist', async (t) => {
  for (const { says, by } of RULES) {
    t.not(by.length, 0, says)
    for (const [file, name] of by) t.ok(hasTest(file, name), `${says}: ${file}: ${name}`)
  }
})

t.test('a rule is either held or named as not held', async (t) => {
  const held = RULES.map(({ says }) => says)
  t.same(Object.keys(UNTESTED), ['the longest gap in processing during a round is 10 ms'])
  t.equal(new Set(held).size, held.length, 'each once')
  for (const [says, why] of Object.entries(UNTESTED)) {
    t.notOk(held.includes(says), says)
    t.comment(`not held: ${says} (${why})`)
  }
})

t.test('a test that does not exist is missed', async (t) => {
  t.equal(hasTest(CHOICE, 'the moon is made of cheese'), false)
  t.equal(hasTest('lib/snapshot/no-such-file', 'until the duplicates are accepted'), false)
  t.equal(
    hasTest(CHOICE, 'the duplicates are accepted'),
    false,
    'only the beginning of a name counts',
  )
})

function hasTest(file: string, name: string): boolean {
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace('…', '\\$\\{\\w+\\}')
  return new RegExp(`\\b(?:(?:test|law)\\(|law =)\\s*['"\`]${escaped}`).test(sourceOf(file))
}

function sourceOf(file: string): string {
  for (const end of ['.test.ts', '.ts']) {
    try {
      return readFileSync(join(ROOT, 'test', `${file}${end}`), 'utf8')
    } catch {
      // The other one, or none.
    }
  }
  return ''
}
