// What the bench prints and writes: a table, one JSON document, Markdown and a plot.
import { mkdir, writeFile } from 'node:fs/promises'
import { arch, cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Judgement } from './judgement.ts'
import type { Cell } from './measures.ts'
import { type PeerRatio, peerRatios } from './peer-ratios.ts'
import { plot } from './plot.ts'

export interface Results {
  readonly cells: readonly Cell[]
  readonly judgements: readonly Judgement[]
  readonly postgres: Readonly<Record<string, string>>
}

export interface Report {
  /** One JSON document; null when there is no figure. */
  readonly document: string | null
  readonly text: string
  readonly missed: number
  readonly refused: boolean
}

interface Column {
  readonly measure: string
  readonly title: string
  readonly digits: number
}

/** A table shows the measures that its cells have, in this order. */
export const columns: readonly Column[] = [
  { measure: 'stepsPerS', title: 'steps/s', digits: 0 },
  { measure: 'stepsPerCpuS', title: 'steps/CPU s', digits: 0 },
  { measure: 'sentPerS', title: 'sent/s', digits: 0 },
  { measure: 'startP50Ms', title: 'commit → start p50 ms', digits: 2 },
  { measure: 'startP95Ms', title: 'p95', digits: 2 },
  { measure: 'startP99Ms', title: 'p99', digits: 2 },
  { measure: 'startMaxMs', title: 'max', digits: 1 },
  { measure: 'resultP50Ms', title: 'commit → result p50 ms', digits: 2 },
  { measure: 'resultP95Ms', title: 'p95', digits: 2 },
  { measure: 'resultP99Ms', title: 'p99', digits: 2 },
  { measure: 'resultMaxMs', title: 'max', digits: 1 },
  { measure: 'roundTripP50Ms', title: 'round trip p50 ms', digits: 2 },
  { measure: 'roundTripP99Ms', title: 'p99', digits: 2 },
  { measure: 'endP50Ms', title: 'submit → complete p50 ms', digits: 1 },
  { measure: 'endP99Ms', title: 'p99', digits: 1 },
  { measure: 'endMaxMs', title: 'max', digits: 1 },
  { measure: 'doneAfterKillS', title: 'all done after s', digits: 1 },
  { measure: 'leftJobs', title: 'left undone', digits: 0 },
  { measure: 'lostSteps', title: 'lost', digits: 0 },
  { measure: 'doubleCommits', title: 'double commits', digits: 0 },
  { measure: 'stepsRunAgain', title: 'run again', digits: 0 },
  { measure: 'corePercent', title: '% of a core', digits: 2 },
  { measure: 'queriesPerS', title: 'queries/s', digits: 2 },
  { measure: 'lostClaimsPercent', title: 'lost claims %', digits: 2 },
  { measure: 'cpuSPerK', title: 'CPU s/1000', digits: 3 },
  { measure: 'workerCpuSPerK', title: 'worker CPU s/1000', digits: 3 },
  { measure: 'postgresCpuSPerK', title: 'PostgreSQL CPU s/1000', digits: 3 },
  { measure: 'commitsPerK', title: 'commits/1000', digits: 1 },
  { measure: 'walKbPerK', title: 'WAL KB/1000', digits: 0 },
  { measure: 'hostRssPeakMb', title: 'host RSS MB', digits: 0 },
  { measure: 'rssPeakMb', title: 'RSS MB, all processes', digits: 0 },
]

export async function writeReport(results: Results, options: { out: string | null; runs: number }): Promise<Report> {
  const { cells, judgements, postgres } = results
  const machine = { cpu: cpus()[0]?.model ?? '', cores: cpus().length, memoryMb: Math.round(totalmem() / 1_048_576) }
  const software = { node: process.version, kernel: release(), arch: arch() }
  const document = `${JSON.stringify({ machine, ...software, postgres, runs: options.runs, judgements, peerRatios: peerRatios(cells), cells }, null, 2)}\n`
  const text = markdown(results)
  if (options.out !== null) {
    await mkdir(options.out, { recursive: true })
    await writeFile(join(options.out, 'results.json'), document)
    await writeFile(join(options.out, 'results.md'), text)
    await writeFile(join(options.out, 'results.svg'), plot(cells, judgements))
  }
  return { document, text, missed: judgements.filter(({ reached }) => !reached).length, refused: false }
}

function markdown({ cells, judgements, postgres }: Results): string {
  const workloads = [...new Set(cells.map(({ workload }) => workload))]
  const ratios = peerRatios(cells)
  return [
    `PostgreSQL: ${factsText(postgres)}. Node ${process.version}. Medians, in brackets the range.\n`,
    ...workloads.map((workload) =>
      workloadTable(
        workload,
        cells.filter((cell) => cell.workload === workload),
      ),
    ),
    ...(ratios.length === 0 ? [] : [ratioTable(ratios, cells)]),
    ...(judgements.length === 0 ? [] : [judgementTable(judgements)]),
  ].join('\n')
}

function workloadTable(workload: string, cells: readonly Cell[]): string {
  const shown = columns.filter(({ measure }) =>
    cells.some((cell) => measure in (cell.exceeded ?? {}) || cell.runs.some((run) => measure in run)),
  )
  const rows = cells.map((cell) => [
    cell.system,
    `${cell.count} × ${cell.runs.length}`,
    ...shown.map((column) => measuredText(cell, column)),
  ])
  const facts = [...new Set(cells.map((cell) => JSON.stringify(cell.facts)))].map((text) => {
    const systems = cells.filter((cell) => JSON.stringify(cell.facts) === text).map(({ system }) => system)
    return `- ${systems.join('; ')}: ${text}`
  })
  return `## ${workload}\n\n${rowsText([['system', 'n', ...shown.map(({ title }) => title)], ...rows])}\n${facts.join('\n')}\n`
}

function ratioTable(ratios: readonly PeerRatio[], cells: readonly Cell[]): string {
  const rows = ratios.map(({ workload, measure, title, better, digits, ours, theirs, ratio, atMost }) => {
    const text = (system: string) => {
      const cell = cells.find((one) => one.workload === workload && one.system === system)
      return cell === undefined ? '' : measuredText(cell, { measure, digits })
    }
    return [
      workload,
      `${title}, ${better} is better`,
      ours,
      text(ours),
      theirs,
      text(theirs),
      `${atMost ? '≤ ' : ''}${numberText(ratio, 2)} ×`,
    ]
  })
  return `## Beside peers, not judged here\n\n${rowsText([['', 'measure', 'ours', '', 'peer', '', 'ours ÷ peer'], ...rows])}`
}

function judgementTable(judgements: readonly Judgement[]): string {
  const rows = judgements.map(({ figure, value, limit, bound, unit, reached }) => [
    figure,
    `${numberText(value, 2)} ${unit}`,
    `${bound === 'least' ? '≥' : '≤'} ${limit} ${unit}`,
    reached ? 'ok' : 'MISSED',
  ])
  return `## Judged\n\n${rowsText([['figure', 'measured', 'limit', ''], ...rows])}`
}

export function factsText(facts: Readonly<Record<string, string>>): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')
}

function rowsText(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |\n`
  const [head = [], ...body] = rows
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|\n`, ...body.map(line)].join('')
}

function measuredText(cell: Cell, { measure, digits }: Pick<Column, 'measure' | 'digits'>): string {
  const spread = cell.spreads[measure]
  const passed = cell.exceeded?.[measure]
  if (passed !== undefined) return `≥ ${numberText(passed, digits)}`
  if (spread === undefined) return cell.beside !== undefined || cell.runs.some((run) => measure in run) ? 'n/a' : ''
  const { median, min, max } = spread
  const range = min === max ? '' : ` (${numberText(min, digits)}–${numberText(max, digits)})`
  return `${numberText(median, digits)}${range}`
}

function numberText(value: number, digits: number): string {
  return value.toFixed(digits)
}
