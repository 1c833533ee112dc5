// Rust crates as a user has them: dropped into handlers/, built, changed while the host runs, and broken.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../fixtures/database.ts'
import { cargoHomes, cargoTarget, oneStep, project, stephost } from './stephost.ts'

// The profile of the repository, so that cargo takes the dependencies that are built already.
const manifest = `[package]
name = "greet"
version = "0.1.0"
edition = "2021"

[lib]
crate-type = ["cdylib"]

[dependencies]
stephost-handler = { path = ${JSON.stringify(resolve('runtimes/rust'))} }

[profile.release]
panic = "unwind"
strip = "debuginfo"

[workspace]
`

const source = (greeting: string) => `use stephost_handler::{export_handlers, function, info, json, StepResult};

export_handlers![function("cli.greet", |context| {
    let name = context.get_input_or("name", "nobody".to_owned());
    info!(name = name.as_str(); "greeting {name}");
    Ok(StepResult::success(json!({ "greeting": format!("${greeting} {name}") })))
})];
`

const directory = project({
  'handlers/greet/Cargo.toml': manifest,
  'handlers/greet/src/lib.rs': source('Hello'),
  'handlers/job.yaml': oneStep,
  'process.toml': '[runtimes.rust]\nisolation = "process"\n',
})
const lib = join(directory, 'handlers/greet/src/lib.rs')
copyFileSync('Cargo.lock', join(directory, 'handlers/greet/Cargo.lock'))
// Beside handlers/, where `stephost build` shares one target directory among crates.
symlinkSync(cargoTarget(), join(directory, 'target'))
// What an earlier run has built.
rmSync(join(cargoTarget(), 'release/libgreet.so'), { force: true })
const env = cargoHomes()
/** cargo may have all dependencies to build, on a machine that others use too. */
const buildTimeoutMs = 170_000

interface InvokeDocument {
  readonly success: boolean
  readonly result: unknown
}

async function greeting(...options: string[]): Promise<unknown> {
  const context = JSON.stringify({ name: 'Ada' })
  const { stdout, stderr } = await stephost(['invoke', 'cli.greet', '--json', '--context', context, ...options], {
    cwd: directory,
  })
  if (stdout === '') throw new Error(stderr)
  return (JSON.parse(stdout) as InvokeDocument).result
}

describe('a crate below handlers/', () => {
  it('is missed until it is built, with the command to type', async () => {
    const { stdout } = await stephost(['handlers'], { cwd: directory })
    expect(stdout).toContain('The crate greet is not built: run `stephost build`.')
  })

  it('cannot be built without cargo, and that says so', async () => {
    const { code, stderr } = await stephost(['build'], { cwd: directory, env: { PATH: '/usr/bin:/bin' } })
    expect([code, stderr]).toEqual([3, expect.stringContaining('cargo is missing')])
    expect(stderr).toContain('stephost doctor')
  })

  it('that does not compile shows what the compiler says', async () => {
    writeFileSync(lib, source('Hello').replace('json!(', 'jsom!('))
    const { code, stderr, stdout } = await stephost(['build', '--json'], {
      cwd: directory,
      env,
      timeoutMs: buildTimeoutMs,
    })
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toEqual({ crates: [{ file: 'greet/Cargo.toml', built: false }] })
    expect(stderr).toMatch(/cannot find macro `jsom`[\s\S]*lib\.rs:6/)
  }, 180_000)

  it('runs when it is built, in the host and in a process of its own', async () => {
    writeFileSync(lib, source('Hello'))
    const { code, stdout } = await stephost(['build'], { cwd: directory, env, timeoutMs: buildTimeoutMs })
    expect([code, stdout]).toEqual([0, 'built greet/Cargo.toml'])
    expect(await greeting()).toEqual({ greeting: 'Hello Ada' })
    expect(await greeting('--config', join(directory, 'process.toml'))).toEqual({ greeting: 'Hello Ada' })
  }, 180_000)
})

describe('dev', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase()
  })
  afterAll(() => database.drop())

  it('builds what changed and swaps it, and a crate that does not build leaves the old one', async () => {
    const anywhere = '127.0.0.1:0'
    const child = spawn(resolve('bin/stephost'), ['dev'], {
      cwd: directory,
      env: {
        ...process.env,
        DATABASE_URL: database.url,
        TASKER_WEB_BIND_ADDRESS: anywhere,
        TASKER_ORCHESTRATION_WEB_BIND_ADDRESS: anywhere,
        TASKER_ORCHESTRATION_GRPC_BIND_ADDRESS: anywhere,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const exited = once(child, 'exit')
    const sentences: string[] = []
    for await (const line of createInterface(child.stderr)) {
      // Between our lines are cargo's.
      const said = line.startsWith('{') ? (JSON.parse(line) as { msg: string }).msg : ''
      sentences.push(said)
      if (said === 'ready') writeFileSync(lib, 'this is no Rust')
      if (said.startsWith('rust handlers not reloaded')) writeFileSync(lib, source('Good day'))
      if (said === 'rust handlers reloaded') child.kill('SIGTERM')
    }
    expect(await exited).toEqual([0, null])
    const why = 'rust handlers not reloaded: greet/Cargo.toml does not build; the version from before serves'
    expect(sentences).toContain(why)
    expect(readFileSync(lib, 'utf8')).toContain('Good day')
    expect(await greeting()).toEqual({ greeting: 'Good day Ada' })
  }, 240_000)
})
