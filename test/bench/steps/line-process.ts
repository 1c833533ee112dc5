// A child process that speaks lines of JSON: how the bench starts it, hears it, gives it orders and ends it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export type Line = Readonly<Record<string, unknown>>

const stopTimeoutMs = 30_000
const complaintMax = 4_000

export interface LineProcessOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

export class LineProcess {
  readonly name: string
  readonly #child: ChildProcess
  readonly #lines: Line[] = []
  readonly #waiting = new Set<() => void>()
  static readonly #running = new Set<LineProcess>()
  #complaint = ''

  constructor({ command, args, env }: LineProcessOptions) {
    this.name = args.find((arg) => !arg.startsWith('-'))?.replace(/.*\//, '') ?? command
    this.#child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
    const { stdin, stdout, stderr } = this.#child
    // A child that cannot be started or has ended is seen by whoever waits for its lines.
    this.#child.on('error', (error) => this.#hear(String(error)))
    stdin?.on('error', () => {})
    LineProcess.#running.add(this)
    this.#child.on('exit', () => {
      LineProcess.#running.delete(this)
      this.#tell()
    })
    stderr?.on('data', (chunk) => this.#hear(String(chunk)))
    if (stdout !== null) createInterface({ input: stdout }).on('line', (line) => this.#take(line))
  }

  /** The process itself; bin/stephost becomes its Node by exec. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  get ended(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** For an end by a signal: what the bench has started must not outlive it. */
  static killAll(): void {
    for (const running of LineProcess.#running) running.kill('SIGKILL')
  }

  order(word: string): void {
    this.#child.stdin?.write(`${word}\n`)
  }

  /** The first line, also of those that came before, in which `key` stands. Rejects when the process ends or the time is over. */
  async line(key: string, timeoutMs: number): Promise<Line> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const found = this.#lines.find((line) => key in line || line['event'] === key)
      if (found !== undefined) return found
      const leftMs = deadline - performance.now()
      if (this.ended) throw new Error(`${this.name} ended before it said "${key}":\n${this.#complaint}`)
      if (leftMs <= 0) throw new Error(`${this.name} did not say "${key}" in ${timeoutMs} ms:\n${this.#complaint}`)
      await this.#change(leftMs)
    }
  }

  async exited(timeoutMs: number): Promise<boolean> {
    if (!this.ended) await once(this.#child, 'exit', { signal: AbortSignal.timeout(timeoutMs) }).catch(() => {})
    return this.ended
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Waits until it has ended by itself, or ends it. */
  async stop(signal: NodeJS.Signals | null): Promise<void> {
    if (signal !== null) this.kill(signal)
    if (await this.exited(stopTimeoutMs)) return
    this.kill('SIGKILL')
    await this.exited(stopTimeoutMs)
  }

  #take(text: string): void {
    try {
      const line: unknown = JSON.parse(text)
      if (typeof line === 'object' && line !== null) this.#lines.push(line as Line)
    } catch {
      this.#hear(`${text}\n`)
    }
    this.#tell()
  }

  #hear(text: string): void {
    this.#complaint = `${this.#complaint}${text}`.slice(-complaintMax)
  }

  #tell(): void {
    for (const wake of this.#waiting) wake()
  }

  async #change(timeoutMs: number): Promise<void> {
    let wake = () => {}
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#waiting.add(wake)
    })
    this.#waiting.delete(wake)
  }
}
