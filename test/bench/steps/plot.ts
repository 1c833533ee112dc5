// The figures as bars with their ranges, in SVG.
import type { Judgement } from './judgement.ts'
import type { Cell, Spread } from './measures.ts'

const width = 960
const labelWidth = 340
const barHeight = 20
const gap = 10
const titleHeight = 44
const valueWidth = 150

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

interface Panel {
  readonly workload: string
  readonly measure: string
  readonly title: string
}

/** One panel for each workload that has such cells. */
const panels: readonly Panel[] = [
  { workload: 'w1', measure: 'stepsPerS', title: 'W1: steps per second, waiting tasks of one step' },
  {
    workload: 'w1',
    measure: 'stepsPerCpuS',
    title: 'W1: steps per second of processor time, worker and PostgreSQL together',
  },
  { workload: 'w2', measure: 'startP99Ms', title: 'W2: commit of the message → start of the handler, p99 in ms' },
  { workload: 'w3', measure: 'startP50Ms', title: 'W3: the same one at a time, p50 in ms' },
  { workload: 'w4', measure: 'stepsPerS', title: 'W4: steps per second by language' },
  { workload: 'w5', measure: 'startP99Ms', title: 'W5: W2 beside a handler that computes, p99 in ms' },
  { workload: 'w6', measure: 'doneAfterKillS', title: 'W6: seconds from a kill until everything is done' },
  { workload: 'depth', measure: 'cpuSPerK', title: 'Processor time for 1000 steps at the head of a queue, in s' },
]

export function plot(cells: readonly Cell[], judgements: readonly Judgement[]): string {
  let top = 20
  const parts: string[] = []
  for (const panel of panels) {
    const shown = cells.filter(
      (cell) => cell.workload === panel.workload && (barOf(cell, panel.measure) !== null || leftMax(cell) > 0),
    )
    if (shown.length === 0) continue
    parts.push(drawPanel(panel, shown, top))
    top += titleHeight + shown.length * (barHeight + gap) + gap
  }
  for (const { figure, value, limit, bound, unit, reached } of judgements) {
    const sentence = `${reached ? 'ok' : 'MISSED'}  ${figure}: ${value.toFixed(2)} ${unit} (${bound === 'least' ? '≥' : '≤'} ${limit})`
    parts.push(textAt(20, top + 14, sentence, reached ? '#1b5e20' : '#b71c1c'))
    top += 20
  }
  const height = top + 20
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="13">
<rect width="${width}" height="${height}" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`
}

/** As far as the bench waited, where it did not see the end. */
function barOf({ spreads, exceeded }: Cell, measure: string): Spread | null {
  const passed = exceeded?.[measure]
  return passed === undefined ? (spreads[measure] ?? null) : { median: passed, min: passed, max: passed }
}

/** Of a peer, in the worst of its runs. */
const leftMax = ({ runs }: Cell) => Math.max(0, ...runs.map((run) => run['leftJobs'] ?? 0))

const behindText = (cell: Cell) => `does not keep up: ${leftMax(cell)} left`

function drawPanel(panel: Panel, cells: readonly Cell[], top: number): string {
  const most = Math.max(...cells.map((cell) => barOf(cell, panel.measure)?.max ?? 0), Number.MIN_VALUE)
  const scale = (value: number) => (value / most) * (width - labelWidth - valueWidth - 40)
  const bars = cells.map((cell, index) => {
    const spread = barOf(cell, panel.measure)
    const y = top + titleHeight + index * (barHeight + gap)
    const left = labelWidth + 20
    const middle = y + barHeight / 2
    const fill = cell.system.startsWith('stephost') ? '#1565c0' : '#9e9e9e'
    const name = textAt(left - 8, middle + 5, cell.system, '#212121', 'end')
    if (spread === null) return [name, textAt(left + 8, middle + 5, behindText(cell), '#212121')].join('\n')
    const passed = cell.exceeded?.[panel.measure] !== undefined
    const value = `${passed ? '≥ ' : ''}${spread.median.toFixed(spread.median < 100 ? 2 : 0)}`
    return [
      name,
      `<rect x="${left}" y="${y}" width="${scale(spread.median).toFixed(1)}" height="${barHeight}" fill="${fill}"/>`,
      `<line x1="${(left + scale(spread.min)).toFixed(1)}" x2="${(left + scale(spread.max)).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="#212121" stroke-width="2"/>`,
      textAt(left + scale(spread.max) + 8, middle + 5, value, '#212121'),
    ].join('\n')
  })
  return [textAt(20, top + 24, panel.title, '#212121', 'start', 16), ...bars].join('\n')
}

function textAt(x: number, y: number, text: string, fill: string, anchor = 'start', size = 13): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" fill="${fill}" text-anchor="${anchor}" font-size="${size}">${escaped(text)}</text>`
}
