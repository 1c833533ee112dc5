// `stephost templates`: the workflows that are loaded, and everything that is wrong with their files.
import { loadProject } from '../host-project.ts'
import { templateKey } from '../model/template.ts'
import { type CliCommand, flagOption } from './cli-command.ts'
import { exitCodes } from './failure.ts'
import { jsonDocument, table } from './table.ts'

export const templatesCommand: CliCommand = {
  logLevel: 'warn',
  arguments: (command) => command.option('--strict', 'warnings are errors; exit 1 when there is any'),
  run: async (context, input) => {
    const { config, handlerRoots, log, output, json } = context
    const strict = flagOption(input, 'strict')
    const { templates, problems, opened } = await loadProject({ config, handlerRoots, log, strict })
    await Promise.all(opened.adapters.map((adapter) => adapter.stop()))
    if (json) {
      const loaded = templates.map(({ template, file, root }) => ({
        namespace: template.namespace,
        name: template.name,
        version: template.version,
        steps: template.steps.map((step) => ({ name: step.name, callable: step.callable })),
        file,
        root,
      }))
      output.write(jsonDocument({ templates: loaded, problems }))
    } else {
      const rows = templates.map(({ template, file }) => [templateKey(template), String(template.steps.length), file])
      output.write(rows.length === 0 ? 'no templates\n' : table([['TEMPLATE', 'STEPS', 'FILE'], ...rows]))
      for (const { severity, message } of problems) output.write(`${severity}: ${message}\n`)
    }
    return strict && problems.length > 0 ? exitCodes.workFailed : exitCodes.done
  },
}
