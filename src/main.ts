// The process entry: runs the command and ends with its exit code.
import { runProgram } from './cli/program.ts'

process.exitCode = await runProgram(process.argv.slice(2), process.env)
