// `stephost init DIR`: a project that runs, with a handler in each language that was chosen.

import { resolve } from 'node:path'
import type { RuntimeName } from '../model/handler.ts'
import { shellWord } from '../model/shell-word.ts'
import { chosen } from './choice.ts'
import { type CliCommand, textOption } from './cli-command.ts'
import { exitCodes, UsageError } from './failure.ts'
import { handlerLanguages, languages } from './handler-example.ts'
import { type MadeProject, makeProject } from './new-project.ts'
import { jsonDocument } from './table.ts'

const languagesDefault = 'typescript,python'

export const initCommand: CliCommand = {
  logLevel: 'warn',
  arguments: (command) =>
    command
      .argument('<dir>', 'the directory, made where it is missing; no file in it is overwritten')
      .option('--languages <list>', `of ${handlerLanguages.join(', ')}, with commas between them`, languagesDefault),
  run: async ({ output, json }, input) => {
    const [directory = ''] = input.positional
    const made = makeProject(directory, readLanguages(textOption(input, 'languages') ?? languagesDefault))
    output.write(json ? jsonDocument(made) : report(made))
    return exitCodes.done
  },
}

/** In the order given, each once. */
function readLanguages(list: string): readonly [RuntimeName, ...RuntimeName[]] {
  const words = new Set(list.split(',').map((word) => word.trim()))
  words.delete('')
  const [first, ...others] = [...words].map((word) => chosen(languages, 'language', word).name)
  if (first !== undefined) return [first, ...others]
  throw new UsageError('--languages names none', `For example --languages ${languagesDefault}.`)
}

function report({ directory, files, next }: MadeProject): string {
  const commands = resolve(directory) === process.cwd() ? next : [`cd ${directoryWord(directory)}`, ...next]
  return `wrote into ${directory}:\n${lines(files)}\nGo on with:\n\n${lines(commands)}`
}

/** `cd` would take a name that begins with a hyphen for an option. */
function directoryWord(directory: string): string {
  return shellWord(directory.startsWith('-') ? `./${directory}` : directory)
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `  ${text}\n`).join('')
}
