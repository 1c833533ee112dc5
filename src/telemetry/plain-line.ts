// One log record as a line for a person: time, level, sentence, details.
import { createColors } from 'picocolors'
import type { JsonText } from '../model/json-text.ts'

const levelColors = { trace: 'gray', debug: 'gray', info: 'blue', warn: 'yellow', error: 'red', fatal: 'red' } as const

export interface PlainLineOptions {
  readonly colors: boolean
  /** What a handler gave beside the text: one JSON object on one line, shown as it came. */
  readonly fields: JsonText | null
}

/** `json` is one line as pino writes it. */
export function plainLine(json: string, options: PlainLineOptions): string {
  const colors = createColors(options.colors)
  const record: Record<string, unknown> = JSON.parse(json)
  const { time, level, msg, ...details } = record
  const word = isLevel(level) ? colors[levelColors[level]](level.padEnd(5)) : String(level)
  const rest = Object.entries(details).map(([name, value]) => colors.dim(` ${name}=${detail(value)}`))
  const fields = options.fields === null ? '' : colors.dim(` fields=${options.fields}`)
  return `${colors.dim(String(time).slice(11, 23))} ${word} ${String(msg)}${rest.join('')}${fields}\n`
}

function isLevel(level: unknown): level is keyof typeof levelColors {
  return typeof level === 'string' && level in levelColors
}

function detail(value: unknown): string {
  return typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value)
}
