/** The table of what is equal to RxJS, and where the README shows it. */
import { readFileSync } from 'node:fs'
import * as rx7 from 'rxjs'
import t from 'tap'
import * as millrace from '../../lib/index.js'
import { projectRoot } from '../support/readme.js'
import { rxjsRows, rxjsTable } from './rxjs-rows.js'

const ELSEWHERE = [
  // Names that mean something else here.
  'connect',
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

t.test('the README shows this table', async (t) => {
  const readme = readFileSync(`${projectRoot}README.md`, 'utf8')
  t.ok(readme.includes(rxjsTable()), 'put in what the test before this one has printed')
})
