// What lies beside the handlers and the workflow of a new project: configuration, .gitignore, README.

import { shellWord } from '../model/shell-word.ts'
import { testingText } from './project-testing.ts'
import { exampleContext, type ProjectStep, whatHappens, workflowName } from './project-workflow.ts'

export const configFile = 'stephost.toml'
export const contextFile = 'order.json'

export const configText = `# What this project changes of stephost's configuration. It is read with \`--config ${configFile}\` or TASKER_CONFIG_PATH=${configFile};
# \`stephost\` has a default for all that does not stand here.

[orchestration]
# What becomes of a task whose context does not fit the input_schema of its workflow.
# enforce: it is refused. warn: it is made, and the log and the task say so. off: nobody looks.
# A workflow that says something else with input_schema_check of its own goes first.
input_schema_check = "enforce"
`

const ignoredAlways = [
  '# The embedded PostgreSQL and what stephost keeps',
  '.stephost/',
  '',
  '# Dependencies and builds',
]

export function ignoreText(steps: readonly ProjectStep[]): string {
  const byLanguage = {
    typescript: ['node_modules/'],
    python: ['.venv/', '__pycache__/'],
    ruby: ['vendor/bundle/', '.bundle/'],
    rust: ['target/'],
  }
  const used = new Set(steps.map(({ language }) => language))
  return [...ignoredAlways, ...[...used].flatMap((language) => byLanguage[language]), ''].join('\n')
}

export function contextText(steps: readonly ProjectStep[]): string {
  return `${JSON.stringify(exampleContext(steps), null, 2)}\n`
}

/** The commands to type next, in the project's directory. */
export function nextCommands(steps: readonly ProjectStep[]): readonly string[] {
  return [...(hasRust(steps) ? ['stephost build'] : []), runCommand, `stephost dev --config ${configFile}`]
}

const runCommand = `stephost run ${workflowName} --context @${contextFile}`

export function readmeText(name: string, steps: readonly ProjectStep[]): string {
  const [first, second] = steps
  const task = { namespace: 'shop', name: 'process_order', version: '1.0.0', initiator: 'me', source_system: 'curl' }
  const request = JSON.stringify({ ...task, reason: 'to try it', context: exampleContext(steps) })
  const initialization = shellWord(JSON.stringify(first?.initialization ?? {}))
  // What the first command prints.
  const priced = shellWord('{"price_order": {"total_cents": 1404}}')
  return `# ${name}

In \`${workflowName}\` ${whatHappens(steps)}. The workflow is \`handlers/workflows/process_order.yaml\`.

## Run it

\`\`\`sh
stephost doctor   # what is missing on this machine, and the command that installs it
${hasRust(steps) ? 'stephost build    # compiles the Rust crates; again after each change of them, unless `stephost dev` runs\n' : ''}${runCommand}
\`\`\`

Without \`DATABASE_URL\` this starts a PostgreSQL of its own, whose data lies in \`.stephost/\`. A context that does not fit the workflow's \`input_schema\` is refused.

To stay up, with REST on 127.0.0.1:8080, and files that are live as soon as they are saved:

\`\`\`sh
stephost dev --config ${configFile}
curl -s http://127.0.0.1:8080/v1/tasks -H 'Content-Type: application/json' -d ${shellWord(request)}
\`\`\`

\`${configFile}\` is read where \`--config\` or \`export TASKER_CONFIG_PATH=${configFile}\` names it.

## Try one handler

It needs no database:

\`\`\`sh
stephost invoke ${first?.callable} --context @${contextFile} --init ${initialization}
stephost invoke ${second?.callable} --context @${contextFile} --deps ${priced}
\`\`\`

In tests of your own:

${testingText(steps.map(({ language }) => language))}
## Go on

\`\`\`sh
stephost new handler ${first?.language} shop.check_address   # --kind: class, function, decision, batch-worker, …
stephost handlers                                   # what is loaded, and what failed to load and why
stephost templates
\`\`\`
${hasRust(steps) ? rustNote : ''}`
}

const rustNote = `
The \`Cargo.toml\` of each Rust crate has the path of stephost on this machine; where stephost lies elsewhere, change it.
`

function hasRust(steps: readonly ProjectStep[]): boolean {
  return steps.some(({ language }) => language === 'rust')
}
