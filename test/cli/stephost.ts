// Runs the real `bin/stephost` as a user would, and small projects for it to run on.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { execa } from 'execa'
import { parse } from 'smol-toml'
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

/**
 * The target directory of projects with crates, so that nothing is built into that of the repository, which other tests load from. It
 * stays from run to run, and begins with what the repository has built of crates from elsewhere: only what stephost brings is left.
 */
export function cargoTarget(): string {
  const target = resolve('target/projects')
  if (existsSync(target)) return target
  const mine = `${target}-${process.pid}`
  copyBuiltCrates(resolve('target/release'), join(mine, 'release'))
  try {
    renameSync(mine, target)
  } catch {
    // Another test file was first.
    rmSync(mine, { recursive: true })
  }
  return target
}

function copyBuiltCrates(source: string, target: string): void {
  mkdirSync(target, { recursive: true })
  const lock = parse(readFileSync('Cargo.lock', 'utf8')) as { package: { name: string; source?: string }[] }
  const fromElsewhere = lock.package.filter((crate) => crate.source !== undefined)
  const names = new Set(fromElsewhere.map(({ name }) => name.replaceAll('-', '_')))
  for (const kind of ['.fingerprint', 'build', 'deps'].filter((name) => existsSync(join(source, name)))) {
    for (const entry of readdirSync(join(source, kind))) {
      // `serde_json-2645e9ae29fba5c3`, `libserde_json-2645e9ae29fba5c3.rlib`
      const name = entry.replace(/-[0-9a-f]{16}(\.\w+)?$/, '').replaceAll('-', '_')
      if (!names.has(name) && !names.has(name.replace(/^lib/, ''))) continue
      cpSync(join(source, kind, entry), join(target, kind, entry), { recursive: true, preserveTimestamps: true })
    }
  }
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
