/**
 * What a message costs: through tell and receive of one actor, and there and back between two.
 * Every value is the median of several runs in one process.
 */
import { createActorSystem } from '../../actors/kernel/system.js'

export interface Measurement {
  readonly name: string
  readonly value: number
  readonly unit: string
}

export interface BenchOptions {
  /** A tenth of the work, to see that it runs. */
  readonly quick: boolean
}

const REPETITIONS = 5
/** Told at a time: well below the mailbox's capacity. */
const BURST = 8_192

export async function mailboxBench({ quick }: BenchOptions): Promise<Measurement[]> {
  const messages = quick ? 200_000 : 2_000_000
  return [
    await measure('mailbox tell → receive', messages, tellReceive),
    await measure('mailbox ping-pong', messages / 10, pingPong),
  ]
}

async function measure(
  name: string,
  messages: number,
  run: (messages: number) => Promise<void>,
): Promise<Measurement> {
  const rates: number[] = []
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    const beganMs = performance.now()
    await run(messages)
    rates.push((messages / (performance.now() - beganMs)) * 1000)
  }
  rates.sort((left, right) => left - right)
  return { name, value: Math.round(rates[REPETITIONS >> 1]!), unit: 'messages/s' }
}

/** One actor tells another in bursts; the receiver asks for the next burst. */
async function tellReceive(messages: number): Promise<void> {
  const system = createActorSystem()
  let left = messages
  const counter = system.spawn<number>('counter', (context) => ({
    receive(last) {
      left--
      if (left === 0) context.stop()
      else if (last === 1) refill()
    },
  }))
  const refill = (): void => {
    const burst = Math.min(BURST, left)
    for (let index = 1; index < burst; index++) counter.tell(0)
    counter.tell(1)
  }
  refill()
  await system.ended(counter)
}

/** Two actors send one message to and fro: each message costs a turn. */
async function pingPong(messages: number): Promise<void> {
  const system = createActorSystem()
  let left = messages
  const pong = system.spawn<number>('pong', () => ({ receive: (ball) => ping.tell(ball) }))
  const ping = system.spawn<number>('ping', (context) => ({
    receive(ball) {
      left -= 2
      if (left > 0) pong.tell(ball)
      else context.stop()
    },
  }))
  ping.tell(1)
  await system.ended(ping)
  await system.stop()
}
