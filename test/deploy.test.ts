/** The files of examples/deploy: they can be read, hang together, and give commands that there are. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { parseCommandLine } from '../actors/cli/command-line.js'
import { ROOT } from './support/command.js'

const read = (name: string) => readFileSync(join(ROOT, 'examples/deploy', name), 'utf8')

/** As Kubernetes and systemd expand them, near enough for a command line. */
const expanded = (word: string) => word.replace(/\$\(\w+\)|%[a-z]/gi, 'x')
const parse = (words: readonly string[]) => parseCommandLine(words.map(expanded), '0.1.0')

t.test('the units are started by commands that there are', async (t) => {
  const kinds = { 'millrace-coordinator.service': 'Coordinator', 'millrace-node.service': 'Node' }
  for (const [name, kind] of Object.entries(kinds)) {
    const unit = readUnit(read(name))
    t.same([...unit.keys()], ['Unit', 'Service', 'Install'], name)
    const [program, ...words] = unit.get('Service')!.get('ExecStart')!.split(' ')
    t.equal(program, '/usr/bin/millrace')
    t.match(parse(words), { kind, listen: /^0\.0\.0\.0:\d+$/, insecure: false }, name)
    t.equal(unit.get('Service')!.get('RestartPreventExitStatus'), '2')
    t.ok(Number(unit.get('Service')!.get('TimeoutStopSec')) > 25, 'a node has time to leave')
  }
})

t.test('the manifest is YAML, and its parts find each other', async (t) => {
  const documents = parseAllDocuments(read('kubernetes.yaml'), { uniqueKeys: true })
  t.same(
    documents.flatMap(({ errors, warnings }) => [...errors, ...warnings]),
    [],
  )
  const objects = documents.map((document) => document.toJS() as Manifest)
  t.same(
    objects.map(({ kind }) => kind),
    ['Service', 'Service', 'StatefulSet', 'StatefulSet'],
  )
  for (const { kind, metadata, spec } of objects) {
    if (kind !== 'StatefulSet') continue
    t.same(spec.template.metadata.labels, spec.selector.matchLabels, metadata.name)
    const service = objects.find((each) => each.metadata.name === spec.serviceName)
    t.same(service?.spec.selector, spec.selector.matchLabels, `${metadata.name} has its service`)
    const [container] = spec.template.spec.containers
    const { command, args, livenessProbe, ports, volumeMounts } = container!
    t.match(parse([...command.slice(1), ...args]), { kind: /^(Coordinator|Node)$/ })
    if (livenessProbe.exec === undefined) {
      t.ok(ports.some(({ name }) => name === livenessProbe.tcpSocket?.port))
    } else t.match(parse(livenessProbe.exec.command.slice(1)), { kind: 'Cluster' })
    const claims = (spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name)
    const volumes = [...spec.template.spec.volumes.map(({ name }) => name), ...claims]
    t.same(volumeMounts.map(({ name }) => name).toSorted(), volumes.toSorted())
  }
})

interface Named {
  readonly name: string
}

interface Container {
  readonly command: readonly string[]
  readonly args: readonly string[]
  readonly ports: readonly Named[]
  readonly volumeMounts: readonly Named[]
  readonly livenessProbe: {
    readonly exec?: { readonly command: readonly string[] }
    readonly tcpSocket?: { readonly port: string }
  }
}

interface Manifest {
  readonly kind: string
  readonly metadata: Named
  readonly spec: {
    readonly serviceName: string
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> }
      readonly spec: {
        readonly containers: readonly Container[]
        readonly volumes: readonly Named[]
      }
    }
    readonly volumeClaimTemplates?: readonly { readonly metadata: Named }[]
  }
}

/** Sections of a unit file; a line that is none of its kind is refused. */
function readUnit(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>()
  let section: Map<string, string> | undefined
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const title = /^\[(\w+)\]$/.exec(line)?.[1]
    const [, name, value] = /^(\w+)=(.+)$/.exec(line) ?? []
    if (title !== undefined) {
      section = new Map()
      sections.set(title, section)
    } else if (name === undefined || section === undefined) throw new Error(`no unit file: ${line}`)
    else section.set(name, value!)
  }
  return sections
}
