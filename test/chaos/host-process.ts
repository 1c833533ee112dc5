// A real `bin/stephost worker`, `orchestrator` or `dev`, from its start to its end, with the processes below it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'

export interface HostProcessOptions {
  readonly command: 'worker' | 'orchestrator' | 'dev'
  readonly databaseUrl: string
  readonly handlers: string
  readonly configFile: string
  readonly dataDir: string
  /** Its standard error goes there. */
  readonly logFile: string
}

interface Announcement {
  readonly worker: string | null
  readonly orchestrator: string | null
}

export class HostProcess {
  readonly #child: ChildProcess
  /** Resolves with how it ended. */
  readonly ended: Promise<string>
  /** Resolves with its REST address once it is ready, of dev that of the orchestrator; with null when it ends before. */
  readonly ready: Promise<string | null>
  #isReady = false
  #hasEnded = false

  constructor(options: HostProcessOptions) {
    const log = openSync(options.logFile, 'a')
    this.#child = spawn(
      resolve('bin/stephost'),
      [
        ...[options.command, '--json', '--handlers', options.handlers],
        ...['--config', options.configFile, '--data-dir', options.dataDir],
      ],
      {
        env: {
          ...process.env,
          DATABASE_URL: options.databaseUrl,
          TASKER_WEB_BIND_ADDRESS: '127.0.0.1:0',
          TASKER_ORCHESTRATION_WEB_BIND_ADDRESS: '127.0.0.1:0',
          TASKER_ORCHESTRATION_GRPC_BIND_ADDRESS: '127.0.0.1:0',
          LOG_LEVEL: 'info',
        },
        stdio: ['ignore', 'pipe', log],
      },
    )
    closeSync(log)
    this.ended = once(this.#child, 'exit').then(([code, signal]) => {
      this.#hasEnded = true
      return signal === null ? `exit code ${code}` : String(signal)
    })
    this.ready = Promise.race([
      this.#announcement(options.command === 'worker' ? 'worker' : 'orchestrator'),
      this.ended.then(() => null),
    ])
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get isReady(): boolean {
    return this.#isReady
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** It and all that it has started. */
  signalAll(signal: NodeJS.Signals): void {
    this.signal(signal)
    for (const pid of this.descendants()) tell(pid, signal)
  }

  /** Process ids of those below it, `word` in their command line. */
  descendants(word = ''): readonly number[] {
    const all = processes()
    const found: number[] = []
    let parents = new Set([this.#child.pid ?? 0])
    while (parents.size > 0) {
      const children = all.filter(({ parent }) => parents.has(parent))
      found.push(...children.filter(({ commandLine }) => commandLine.includes(word)).map(({ pid }) => pid))
      parents = new Set(children.map(({ pid }) => pid))
    }
    return found
  }

  async #announcement(command: keyof Announcement): Promise<string | null> {
    let text = ''
    this.#child.stdout?.setEncoding('utf8')
    for await (const chunk of this.#child.stdout ?? []) {
      text += chunk
      const end = text.indexOf('\n')
      if (end === -1) continue
      this.#isReady = true
      return (JSON.parse(text.slice(0, end)) as Announcement)[command]
    }
    return null
  }
}

/** It may have ended by itself. */
export function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // There is nobody to tell.
  }
}

function processes(): readonly { pid: number; parent: number; commandLine: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      // The program's name stands in parentheses and may hold anything, so the fields are counted from its end.
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      return [{ pid: Number(name), parent, commandLine: readFileSync(`/proc/${name}/cmdline`, 'utf8') }]
    } catch {
      return []
    }
  })
}
