// `stephost bench`: measures the step path on this machine; in the repository also beside its peers.
import { Option } from 'commander'
import { type BenchOptions, workloads } from '../../test/bench/steps/bench-options.ts'
import { peersInstalled } from '../../test/bench/steps/peer-process.ts'
import { type CliCommand, flagOption, textOption } from './cli-command.ts'
import { exitCodes, UsageError } from './failure.ts'

export const benchCommand: CliCommand = {
  logLevel: 'warn',
  arguments: (command) =>
    command
      .argument('[workloads...]', `of ${workloads.join(', ')} (default: all)`)
      .option('--tasks <n>', 'tasks of one step in each run of a drain', '100000')
      .option('--runs <n>', 'runs of each cell', '5')
      .option('--warm-up <n>', 'jobs of the first run of each system, which is thrown away; 0: none', '2000')
      .option('--systems <text>', 'only systems whose name contains one of these, separated by commas')
      .option('--seconds <n>', 'length of a steady run', '15')
      .option('--judged', 'only what a judged figure needs')
      .option('--deep', 'also a queue of a million messages; some minutes')
      .option('--peers', 'also graphile-worker, pg-boss and BullMQ (installed by `npm run bench:peers`)')
      .option('--out <dir>', 'writes results.json, results.md and results.svg there')
      .option('--judge', 'exit code 1 when a judged figure is missed')
      .addOption(new Option('--self-test', 'drops one result and must see that no figure is printed').hideHelp()),
  run: async (context, input) => {
    const options: BenchOptions = {
      workloads: chosenWorkloads(input.positional),
      tasks: positive(textOption(input, 'tasks'), '--tasks'),
      runs: positive(textOption(input, 'runs'), '--runs'),
      warmUp: textOption(input, 'warmUp') === '0' ? 0 : positive(textOption(input, 'warmUp'), '--warm-up'),
      systems: textOption(input, 'systems')?.split(',') ?? null,
      peers: flagOption(input, 'peers'),
      judged: flagOption(input, 'judged'),
      seconds: positive(textOption(input, 'seconds'), '--seconds'),
      deep: flagOption(input, 'deep'),
      out: textOption(input, 'out'),
      config: textOption(input, 'config'),
      selfTest: flagOption(input, 'selfTest'),
      say: (line) => process.stderr.write(`${line}\n`),
    }
    if (options.peers && !peersInstalled()) {
      throw new UsageError('The peers are not installed', 'run `npm run bench:peers` in the repository first')
    }
    // No other command waits for what it loads.
    const { runBench } = await import('../../test/bench/steps/bench.ts')
    const report = await runBench(options)
    if (report.document !== null) context.output.write(context.json ? report.document : report.text)
    if (options.selfTest) return report.refused ? exitCodes.done : exitCodes.workFailed
    if (report.refused) return exitCodes.workFailed
    return flagOption(input, 'judge') && report.missed > 0 ? exitCodes.workFailed : exitCodes.done
  },
}

function chosenWorkloads(names: readonly string[]): BenchOptions['workloads'] {
  const chosen = workloads.filter((workload) => names.length === 0 || names.includes(workload))
  const unknown = names.find((name) => !workloads.some((workload) => workload === name))
  if (unknown !== undefined)
    throw new UsageError(`There is no workload ${unknown}`, `choose of ${workloads.join(', ')}`)
  return chosen
}

function positive(text: string | null, option: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new UsageError(`${option} ${text} is not a whole number above 0`, `for example ${option} 1000`)
}
