// Runs the real `bin/stephost` as a user would, and small projects for it to run on.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { execa } from 'execa'
import { testDirectory } from '../fixtures/test-directories.ts'

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const runTimeoutMs = 40_000

/** Only the variables that a fresh shell has, and those given. */
export async function stephost(
  args: readonly string[],
  options: { env?: Record<string, string>; cwd?: string; timeoutMs?: number } = {},
): Promise<Ended> {
  const { exitCode, stdout, stderr } = await execa(resolve('bin/stephost'), args, {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...compileCache(), ...options.env },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    timeout: options.timeoutMs ?? runTimeoutMs,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  return { code: exitCode ?? -1, stdout, stderr }
}

/** What Node keeps of a start for the next one, where the run of the tests has a place for it. */
function compileCache(): Record<string, string> {
  const directory = process.env['NODE_COMPILE_CACHE']
  return directory === undefined ? {} : { NODE_COMPILE_CACHE: directory }
}

/** Where rustup's cargo finds its toolchain, when that is not below HOME. */
export function cargoHomes(): Record<string, string> {
  const homes = { RUSTUP_HOME: process.env['RUSTUP_HOME'] ?? '', CARGO_HOME: process.env['CARGO_HOME'] ?? '' }
  return Object.fromEntries(Object.entries(homes).filter(([, value]) => value !== ''))
}

/** A directory with these files; it is gone when the test file ends. */
export function project(files: Readonly<Record<string, string>>): string {
  const directory = testDirectory('stephost-cli-')
  for (const [name, text] of Object.entries(files)) {
    const file = join(directory, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  return directory
}

export function template(steps: string, more = ''): string {
  return `name: job\nnamespace_name: cli\nversion: 1.0.0\n${more}steps:\n${steps}`
}

export const greeter = `from stephost import StepHandler, PermanentError


class Greet(StepHandler):
    handler_name = "cli.greet"

    def call(self, context):
        print("hello from the handler")
        if context.get_input("fail"):
            raise PermanentError("asked to fail")
        return self.success({"greeting": f"Hello {context.get_input_or('name', 'nobody')}", "exact": context.get_input("exact")})
`

export const oneStep = template('  - name: greet\n    handler: { callable: cli.greet }\n')
