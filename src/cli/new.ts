// `stephost new handler LANG NAME`: a handler that runs, from the example of its kind.

import { Argument } from 'commander'
import { type CliCommand, textOption } from './cli-command.ts'
import { exitCodes } from './failure.ts'
import { handlerLanguages } from './handler-example.ts'
import { handlerKinds, type MadeHandler, makeHandler } from './new-handler.ts'
import { jsonDocument } from './table.ts'

export const newCommand: CliCommand = {
  logLevel: 'warn',
  arguments: (command) =>
    command
      .addArgument(new Argument('<what>', 'what to write').choices(['handler']))
      .argument('<language>', handlerLanguages.join(', '))
      .argument('<name>', 'its callable: greet, shop.reserve_stock')
      .option('--kind <kind>', `one of ${handlerKinds.join(', ')}`, 'class'),
  run: async ({ handlerRoots, output, json }, input) => {
    const [, language = '', name = ''] = input.positional
    const kind = textOption(input, 'kind') ?? 'class'
    const made = makeHandler({ language, name, kind, root: handlerRoots[0] ?? 'handlers' })
    output.write(json ? jsonDocument(made) : report(made))
    return exitCodes.done
  },
}

function report({ file, callable, stepName, stepType }: MadeHandler): string {
  const build = file.endsWith('.rs') ? 'stephost build && ' : ''
  const type = stepType === 'standard' ? '' : `\n    type: ${stepType}`
  const step = `steps:\n  - name: ${stepName}${type}\n    handler: {callable: ${callable}}`
  return `wrote ${file}\n\nIn a workflow:\n\n${step}\n\nTry it: ${build}stephost invoke ${callable}\n`
}
