// What stephost needs on this machine, one question each.
import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { packageRoot } from '../config/package-root.ts'
import { probeDatabase } from '../host-database.ts'
import { findPython } from '../host-interpreters.ts'
import { messageOf } from '../model/host-error.ts'

export interface Check {
  readonly name: string
  readonly ok: boolean
  /** Without it some handlers or commands do not work, the rest does. */
  readonly optional: boolean
  readonly found: string
  /** What to type; null when it is there. */
  readonly cure: string | null
}

const probeTimeoutMs = 10_000

/** Runs all checks at once; each has its own time limit. */
export function doctorChecks(config: Config, handlerRoots: readonly string[]): Promise<readonly Check[]> {
  const { ruby } = config.runtimes
  const python = findPython(config.runtimes.python.interpreter, handlerRoots)
  const shipped = python.origin === 'own' || python.origin === 'system'
  return Promise.all([
    nodeCheck(),
    addonCheck(),
    program({ name: 'cargo', command: ['cargo', '--version'], cure: 'install stable Rust from https://rustup.rs' }),
    program({
      name: 'ruby with msgpack',
      command: [ruby.command, '-rmsgpack', '-e', 'puts "#{RUBY_VERSION}, msgpack #{MessagePack::VERSION}"'],
      cure: 'sudo apt-get install ruby ruby-msgpack',
    }),
    program({
      name: 'python with msgpack',
      command: [python.program, '-c', 'import sys, msgpack; print(sys.version.split()[0], "msgpack", msgpack.version)'],
      cure: shipped
        ? 'bin/setup, or: sudo apt-get install python3 python3-venv python3-msgpack'
        : `${python.program} -m pip install msgpack`,
    }),
    databaseCheck(config),
    portCheck('worker port', config.worker.web.address, 'worker.web.bind_address (TASKER_WEB_BIND_ADDRESS)'),
    portCheck('orchestrator port', config.orchestration.web.address, 'orchestration.web.bind_address'),
    portCheck(
      'gRPC port',
      config.orchestration.grpc.address,
      'orchestration.grpc.bind_address (TASKER_ORCHESTRATION_GRPC_BIND_ADDRESS)',
    ),
    ...handlerRoots.map(rootCheck),
  ])
}

async function nodeCheck(): Promise<Check> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const ok = major > 20 || (major === 20 && minor >= 19)
  return {
    name: 'node',
    ok,
    optional: false,
    found: process.versions.node,
    cure: ok ? null : 'install Node 20.19 or newer',
  }
}

async function addonCheck(): Promise<Check> {
  const path = join(packageRoot(), 'build/Release/stephost_native.node')
  const missing = { name: 'native addon', ok: false, optional: true, cure: 'bin/setup' }
  if (!existsSync(path)) return { ...missing, found: 'not built: Rust handlers do not run' }
  try {
    createRequire(import.meta.url)(path)
    return { name: 'native addon', ok: true, optional: true, found: 'loads', cure: null }
  } catch (error) {
    return { ...missing, found: messageOf(error).split('\n', 1)[0] ?? '' }
  }
}

async function program(options: { name: string; command: readonly string[]; cure: string }): Promise<Check> {
  const [file = '', ...args] = options.command
  const { execa } = await import('execa')
  const { failed, stdout, stderr, shortMessage } = await execa(file, args, {
    timeout: probeTimeoutMs,
    reject: false,
    stdin: 'ignore',
  })
  const said = stderr.trim().split('\n').at(-1) || shortMessage?.split('\n', 1)[0]
  const found = failed ? (said ?? 'does not start') : stdout.trim()
  return {
    name: options.name,
    ok: !failed,
    optional: true,
    found: `${found} (${file})`,
    cure: failed ? options.cure : null,
  }
}

async function databaseCheck(config: Config): Promise<Check> {
  const name = config.database.url === null ? 'embedded postgresql' : 'DATABASE_URL'
  try {
    return { name, ok: true, optional: false, found: await probeDatabase(config), cure: null }
  } catch (error) {
    const cure =
      config.database.url === null ? 'bin/setup, or set DATABASE_URL' : 'check DATABASE_URL and that PostgreSQL runs'
    return { name, ok: false, optional: false, found: messageOf(error), cure }
  }
}

function portCheck(name: string, address: { host: string; port: number }, key: string): Promise<Check> {
  const place = `${address.host}:${address.port}`
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => {
      const cure = `stop what listens there (a running stephost is fine), or set ${key}`
      resolve({ name, ok: false, optional: true, found: `${place}: ${error.message}`, cure })
    })
    server.listen({ host: address.host, port: address.port }, () => {
      server.close(() => resolve({ name, ok: true, optional: true, found: `${place} is free`, cure: null }))
    })
  })
}

async function rootCheck(root: string): Promise<Check> {
  const ok = statSync(root, { throwIfNoEntry: false })?.isDirectory() === true
  const cure = ok ? null : `mkdir -p ${root}, or name another directory with --handlers`
  return { name: 'handlers', ok, optional: false, found: ok ? root : `${root} does not exist`, cure }
}
