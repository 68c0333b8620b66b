/**
 * A cable between two network namespaces that loses frames: for kernels that cannot (no netem). A process
 * carries each frame from a TAP device at one end to one at the other, or does not. Needs root and python3.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'

/** Arguments: namespace and device of both ends. Input: `loss 0.2`, answered with what was lost so far. */
const SCRIPT = `
import ctypes, fcntl, os, random, select, struct, sys
libc = ctypes.CDLL(None, use_errno=True)

def tap(namespace, name):
    home = os.open('/proc/self/ns/net', os.O_RDONLY)
    there = os.open('/run/netns/' + namespace, os.O_RDONLY)
    if libc.setns(there, 0x40000000) != 0:
        sys.exit('cannot enter ' + namespace)
    device = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
    # IFF_TAP | IFF_NO_PI
    fcntl.ioctl(device, 0x400454CA, struct.pack('16sH22x', name.encode(), 0x1002))
    libc.setns(home, 0x40000000)
    return device

ends = [tap(*sys.argv[1:3]), tap(*sys.argv[3:5])]
dice = random.Random(int(os.environ.get('MILLRACE_SEED', '1')))
loss, seen, lost = 0.0, 0, 0
print('ready', flush=True)
while True:
    for end in select.select(ends + [0], [], [])[0]:
        if end == 0:
            line = sys.stdin.readline().split()
            if not line:
                sys.exit()
            loss = float(line[1])
            print(seen, lost, flush=True)
            continue
        for _ in range(64):
            try:
                frame = os.read(end, 65536)
            except BlockingIOError:
                break
            seen += loss > 0
            if dice.random() < loss:
                lost += 1
                continue
            try:
                os.write(ends[1] if end == ends[0] else ends[0], frame)
            except OSError:
                pass
`

/** Null where there can be such a cable; else why not. */
export function whyNoLoss(): string | null {
  const tried = spawnSync('python3', ['-c', 'open("/dev/net/tun", "r+b", buffering=0)'])
  if (tried.error !== undefined) return 'there is no python3'
  return tried.status === 0 ? null : 'there is no /dev/net/tun'
}

export interface LossyLink {
  /** Of frames each way, from now on. Gives how many were carried or lost so far while some were, and lost. */
  lose(part: number): Promise<{ readonly frames: number; readonly lost: number }>
  close(): void
}

interface LinkEnd {
  readonly namespace: string
  readonly device: string
}

/** Makes both devices; they are gone with the link. */
export async function createLossyLink(a: LinkEnd, b: LinkEnd): Promise<LossyLink> {
  const args = [a.namespace, a.device, b.namespace, b.device]
  const child = spawn('python3', ['-c', SCRIPT, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface(child.stdout)
  await nextLine(lines, child)
  return {
    async lose(part) {
      const answer = nextLine(lines, child)
      child.stdin.write(`loss ${part}\n`)
      const [frames = 0, lost = 0] = (await answer).split(' ').map(Number)
      return { frames, lost }
    },
    close: () => {
      child.kill('SIGKILL')
    },
  }
}

function nextLine(lines: Interface, child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    lines.once('line', resolve)
    child.once('exit', () => reject(new Error('the lossy link has ended')))
  })
}
