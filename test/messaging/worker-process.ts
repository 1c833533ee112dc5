// `stephost worker` as a process, for transports that only the command line puts together.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'

export interface WorkerProcess {
  /** Where its REST listens. */
  readonly address: string
  readonly said: readonly string[]
  stop(): Promise<number | null>
}

export const echoProject = {
  'echo.ts': `import { defineHandler } from 'stephost'

export const echo = defineHandler('transport.echo', { inputs: { order: 'order' } }, async ({ order }) => ({ order }))
`,
  'job.yaml':
    'name: job\nnamespace_name: shop\nversion: 1.0.0\nsteps:\n  - name: echo\n    handler: { callable: transport.echo }\n',
}

/** Resolves when the worker says that it is ready. */
export async function startWorkerProcess(directory: string, env: Record<string, string>): Promise<WorkerProcess> {
  const said: string[] = []
  const child: ChildProcess = spawn(resolve('bin/stephost'), ['worker', '--handlers', directory, '--json'], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      TASKER_WEB_BIND_ADDRESS: '127.0.0.1:0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  if (child.stdout === null || child.stderr === null) throw new Error('the worker has no output')
  createInterface({ input: child.stderr }).on('line', (line) => said.push(line))
  const lines = createInterface({ input: child.stdout })
  const [line] = await Promise.race([once(lines, 'line'), exited.then(() => [null])])
  if (line === null) throw new Error(`the worker ended: ${said.join('\n')}`)
  const { worker } = JSON.parse(String(line)) as { worker: string }
  const stop = async () => {
    child.kill('SIGTERM')
    await exited
    return child.exitCode
  }
  return { address: worker, said, stop }
}
