// Which commands there are, as help lists them; each is loaded when its word stands on the command line.
import type { CliCommand } from './cli-command.ts'

export interface ListedCommand {
  readonly name: string
  /** As help shows them behind the name; a test compares them with what the command declares. */
  readonly operands: string
  readonly summary: string
  load(): Promise<CliCommand>
}

export const commands: readonly ListedCommand[] = [
  {
    name: 'dev',
    operands: '',
    summary: 'worker, orchestrator and an embedded PostgreSQL, staying up',
    load: async () => (await import('./dev.ts')).devCommand,
  },
  {
    name: 'worker',
    operands: '',
    summary: 'production worker against DATABASE_URL',
    load: async () => (await import('./worker.ts')).workerCommand,
  },
  {
    name: 'orchestrator',
    operands: '',
    summary: 'the embedded orchestrator alone, against DATABASE_URL',
    load: async () => (await import('./orchestrator.ts')).orchestratorCommand,
  },
  {
    name: 'migrate',
    operands: '',
    summary: 'create the schema where it is missing; a schema made by Tasker stays as it is',
    load: async () => (await import('./migrate.ts')).migrateCommand,
  },
  {
    name: 'run',
    operands: '<workflow>',
    summary: 'submit a task, follow it step by step, print the results',
    load: async () => (await import('./run.ts')).runCommand,
  },
  {
    name: 'invoke',
    operands: '[callable]',
    summary: 'run one handler without any database',
    load: async () => (await import('./invoke.ts')).invokeCommand,
  },
  {
    name: 'handlers',
    operands: '',
    summary: 'the handlers that are loaded, and those that failed to load and why',
    load: async () => (await import('./handlers.ts')).handlersCommand,
  },
  {
    name: 'templates',
    operands: '',
    summary: 'the workflows that are loaded, and what is wrong with their files',
    load: async () => (await import('./templates.ts')).templatesCommand,
  },
  {
    name: 'init',
    operands: '<dir>',
    summary: 'write a project that runs, to begin with',
    load: async () => (await import('./init.ts')).initCommand,
  },
  {
    name: 'new',
    operands: '<what> <language> <name>',
    summary: 'write a handler that runs, to begin with',
    load: async () => (await import('./new.ts')).newCommand,
  },
  {
    name: 'build',
    operands: '',
    summary: 'compile the Rust crates below the handler directories',
    load: async () => (await import('./build.ts')).buildCommand,
  },
  {
    name: 'doctor',
    operands: '',
    summary: 'what is missing on this machine, and the command that installs it',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
  {
    name: 'bench',
    operands: '[workloads...]',
    summary: 'measures throughput, latency and recovery of steps on this machine',
    load: async () => (await import('./bench.ts')).benchCommand,
  },
]
