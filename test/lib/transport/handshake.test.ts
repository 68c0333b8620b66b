import t from 'tap'
import {
  type CallerState,
  callerStart,
  type HandshakeSelf,
  type ListenerState,
  listenerStart,
  type Step,
  stepCaller,
  stepListener,
} from '../../../lib/transport/handshake.js'
import type { Identity, Role } from '../../../lib/transport/node-links.js'
import { secretsIn } from '../../../lib/transport/secret.js'
import { HOSTILE_NAMES } from '../../support/hostile-names.js'

const SESSION = 4_000_000_007
const one = new TextEncoder().encode('the secret of the cluster, so long')
const other = new TextEncoder().encode('another secret of the same length!')

const side = (id: string, more: Partial<HandshakeSelf & Identity> = {}): HandshakeSelf => ({
  identity: {
    cluster: more.cluster ?? 'prod',
    id,
    party: more.party ?? 'node',
    incarnation: more.incarnation ?? '0123456789abcdef',
  },
  secrets: more.secrets ?? [one],
  versions: more.versions ?? [1, 1],
  nonce: more.nonce ?? new Uint8Array(32).fill(id.length),
})

interface Talk {
  readonly caller: CallerState
  readonly listener: ListenerState
  /** Messages in order: Hello, Challenge, Proof, Welcome, as far as it came. */
  readonly messages: readonly Uint8Array[]
}

/** Lets two sides speak; `wire` may change or exchange what crosses it. */
function talk(
  calling: HandshakeSelf,
  listening: HandshakeSelf,
  {
    role = 'control' as Role,
    expect = '',
    wire = (message: Uint8Array, _nth: number) => message,
  } = {},
): Talk {
  const messages: Uint8Array[] = []
  let caller: Step<CallerState> = callerStart(calling, role, expect)
  let listener: Step<ListenerState> = { state: listenerStart, reply: null }
  const pass = (message: Uint8Array): Uint8Array => {
    messages.push(message)
    return wire(message, messages.length - 1)
  }
  while (caller.reply !== null) {
    listener = stepListener(listener.state, pass(caller.reply), listening, SESSION)
    if (listener.reply === null) break
    caller = stepCaller(caller.state, pass(listener.reply), calling, expect)
  }
  return { caller: caller.state, listener: listener.state, messages }
}

const refusalOf = (state: CallerState | ListenerState) =>
  state.kind === 'Refused' ? state.refusal : null

t.test('two that hold the secret know each other and the session', async (t) => {
  const calling = side('node-1', { versions: [1, 4], incarnation: 'ffffffffffffffff' })
  const { caller, listener, messages } = talk(calling, side('node-22', { versions: [2, 9] }))
  t.same(caller, {
    kind: 'Done',
    peer: { id: 'node-22', party: 'node', incarnation: '0123456789abcdef', version: 4 },
    role: 'control',
    session: SESSION,
  })
  t.match(listener, {
    kind: 'Done',
    peer: { id: 'node-1', incarnation: 'ffffffffffffffff', version: 4 },
    session: SESSION,
  })
  t.equal(messages.length, 4)
  t.notOk(
    messages.some((message) => Buffer.from(message).includes(Buffer.from(one))),
    'the secret does not cross the wire',
  )
})

t.test('a version in common is needed, and its lack names both ranges to both', async (t) => {
  const { caller, listener } = talk(
    side('a1', { versions: [3, 5] }),
    side('b', { versions: [1, 2] }),
  )
  t.equal(caller.kind, 'AwaitingChallenge')
  t.match(refusalOf(listener), {
    kind: 'version',
    reason: 'version',
    said: 'protocol 1 to 2 here, 3 to 5 there',
    text: /speaks protocol 3 to 5, and this process 1 to 2/,
  })
  const future = Uint8Array.of(0x4d, 0x49, 0x4c, 0x4c, 1, 0, 7, 0, 9, 200, 1, 2, 3)
  const { state } = stepListener(listenerStart, future, side('b'), SESSION)
  t.match(refusalOf(state), { kind: 'version', said: 'protocol 1 here, 7 to 9 there' })
})

t.test('a wrong secret is named to the own log only', async (t) => {
  const { listener, caller } = talk(side('node-1', { secrets: [other] }), side('b'))
  t.match(refusalOf(listener), {
    kind: 'secret',
    reason: 'refused',
    said: 'refused',
    text: '"node-1" does not hold the secret of this cluster',
  })
  t.equal(caller.kind, 'AwaitingWelcome', 'and learns no proof of the other side')
})

t.test('a listener without the secret is found out', async (t) => {
  const calling = side('node-1')
  const hello = callerStart(calling, 'control')
  const fake = side('b', { secrets: [other] })
  const challenge = stepListener(listenerStart, hello.reply!, fake, SESSION)
  const proof = stepCaller(hello.state, challenge.reply!, calling)
  t.equal(
    refusalOf(stepListener(challenge.state, proof.reply!, fake, SESSION).state)?.kind,
    'secret',
  )
  for (const guess of [other, new Uint8Array(0)]) {
    const lie = side('b', { secrets: [guess] })
    const { reply } = stepCaller(hello.state, challenge.reply!, { ...calling, secrets: [guess] })
    const welcome = stepListener(challenge.state, reply!, lie, SESSION)
    t.equal(refusalOf(stepCaller(proof.state, welcome.reply!, calling).state)?.kind, 'secret')
  }
})

t.test('while a secret is replaced, both count', async (t) => {
  for (const [calling, listening] of [
    [[one], [other, one]],
    [
      [other, one],
      [one, other],
    ],
  ]) {
    const { caller, listener } = talk(
      side('node-1', { secrets: calling! }),
      side('b', { secrets: listening! }),
    )
    t.equal(caller.kind, 'Done')
    t.equal(listener.kind, 'Done')
  }
  t.equal(secretsIn(`# old and new\n${'x'.repeat(32)}\n\n ${'y'.repeat(40)} \n`, 'f').length, 2)
  t.throws(() => secretsIn('short', '/etc/s'), {
    code: 'E_SECRET_SHORT',
    message: /in \/etc\/s, saw 5/,
  })
  t.throws(() => secretsIn('# nothing\n', 'f'), { code: 'E_SECRET_MISSING' })
  t.throws(() => secretsIn('hunter2 is short', 'f'), { message: /^(?!.*hunter2)/ })
})

t.test('no byte of any message can be changed on its way', async (t) => {
  const { messages } = talk(side('node-1'), side('b'))
  let passed = 0
  messages.forEach((message, nth) => {
    for (let at = 0; at < message.length; at++) {
      const wire = (seen: Uint8Array, which: number): Uint8Array =>
        which === nth ? seen.map((byte, i) => (i === at ? byte ^ 1 : byte)) : seen
      const { caller, listener } = talk(side('node-1'), side('b'), { wire })
      if (caller.kind === 'Done') passed += 1
      if (nth < 3 && listener.kind === 'Done') passed += 1
    }
  })
  t.equal(passed, 0)
})

t.test('nothing can be cut off or added', async (t) => {
  const wires = [0, 1, 2, 3].flatMap((nth) => [
    (seen: Uint8Array, which: number) => (which === nth ? seen.subarray(0, -1) : seen),
    (seen: Uint8Array, which: number) => (which === nth ? Uint8Array.of(...seen, 0) : seen),
    (seen: Uint8Array, which: number) => (which === nth ? new Uint8Array(0) : seen),
  ])
  for (const wire of wires) t.not(talk(side('node-1'), side('b'), { wire }).caller.kind, 'Done')
})

t.test('a handshake cannot be replayed to a listener', async (t) => {
  const { messages } = talk(side('node-1'), side('b'))
  const later = side('b', { nonce: new Uint8Array(32).fill(9) })
  const { state } = stepListener(listenerStart, messages[0]!, later, SESSION)
  t.equal(refusalOf(stepListener(state, messages[2]!, later, SESSION).state)?.kind, 'secret')
})

t.test('a handshake cannot be replayed to a caller', async (t) => {
  const { messages } = talk(side('node-1'), side('b'))
  const later = side('node-1', { nonce: new Uint8Array(32).fill(9) })
  const { state } = stepCaller(callerStart(later, 'control').state, messages[1]!, later)
  t.equal(refusalOf(stepCaller(state, messages[3]!, later).state)?.kind, 'secret')
})

t.test('a proof of one side, role or session is none of another', async (t) => {
  const calling = side('node-1')
  const hello = callerStart(calling, 'control')
  const challenge = stepListener(listenerStart, hello.reply!, side('b'), SESSION)
  const proof = stepCaller(hello.state, challenge.reply!, calling)
  const reflected = Uint8Array.of(
    ...proof.reply!.subarray(0, 4),
    4,
    0,
    0,
    0,
    0,
    ...proof.reply!.subarray(5),
  )
  t.equal(refusalOf(stepCaller(proof.state, reflected, calling).state)?.kind, 'secret')
  const data = stepListener(listenerStart, callerStart(calling, 'data').reply!, side('b'), SESSION)
  t.equal(
    refusalOf(stepListener(data.state, proof.reply!, side('b'), SESSION).state)?.kind,
    'secret',
  )
})

t.test('who reaches itself, another cluster, another id or role is refused by name', async (t) => {
  const kinds = [
    talk(side('b'), side('b')),
    talk(side('a', { cluster: 'dev' }), side('b')),
    talk(side('a'), side('b'), { expect: 'c' }),
    talk(side('a', { party: 'client' }), side('b')),
    talk(side('a', { party: 'client' }), side('b', { party: 'coordinator' }), { role: 'data' }),
  ].map(({ listener }) => refusalOf(listener)?.kind)
  t.same(kinds, ['self', 'cluster', 'other-id', 'role', 'role'])
  const restarted = side('b', { incarnation: 'aaaaaaaaaaaaaaaa' })
  t.equal(
    talk(restarted, side('b')).listener.kind,
    'Done',
    'the same id of another start is not self',
  )
})

t.test('ids that could be paths, options or control sequences are refused', async (t) => {
  const ids = [...HOSTILE_NAMES, 'x'.repeat(64), 'a..b']
  for (const id of ids) {
    const { listener } = talk(side(id), side('b'))
    t.equal(refusalOf(listener)?.kind, 'name', JSON.stringify(id))
    const { caller } = talk(side('a'), side(id))
    t.equal(refusalOf(caller)?.kind, 'name')
  }
})
