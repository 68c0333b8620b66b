/** The table of what is equal to RxJS, and where the README shows it. */
import { readFileSync } from 'node:fs'
import * as rx7 from 'rxjs'
import t from 'tap'
import * as millrace from '../../lib/index.js'
import { projectRoot } from '../support/readme.js'
import { rxjsRows, rxjsTable } from './rxjs-rows.js'

const ELSEWHERE = [
  // Shown with what they make of the graph, or by tests of their own.
  ...['catchError', 'connect', 'exhaustMap', 'groupBy', 'merge', 'mergeWith', 'partition', 'retry'],
  ...['share', 'switchMap'],
  // Names that mean something else here.
  'window',
]

t.test('every operator with a name of RxJS has its verdict', async (t) => {
  const rows = rxjsRows().map(({ operator }) => operator)
  const named = Object.keys(millrace).filter((name) => name in rx7)
  t.same(
    named.filter((name) => !rows.includes(name) && !ELSEWHERE.includes(name)),
    [],
  )
  t.same(
    rows.filter((name) => !(name in millrace)),
    [],
  )
  t.equal(new Set(rows).size, rows.length)
})

t.test('where an operator differs, it says why', async (t) => {
  for (const { operator, verdict, why = '' } of rxjsRows()) {
    t.equal(verdict === 'differs', why !== '', operator)
  }
  for (const line of rxjsTable().split('\n')) t.comment(line)
})

t.test('the README shows this table, if any', async (t) => {
  const readme = readFileSync(`${projectRoot}README.md`, 'utf8')
  if (readme.includes('| operator | RxJS 7 | why |')) t.ok(readme.includes(rxjsTable()))
})
