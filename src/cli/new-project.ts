// A new project: handlers from the examples, a workflow that joins them, and what lies beside them.

import { existsSync, statSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import type { RuntimeName } from '../model/handler.ts'
import { UsageError } from './failure.ts'
import { handlerFiles, handlerPlaces } from './handler-example.ts'
import { type NewFile, writeNewFiles } from './new-files.ts'
import {
  configFile,
  configText,
  contextFile,
  contextText,
  ignoreText,
  nextCommands,
  readmeText,
} from './project-texts.ts'
import { projectSteps, workflowName, workflowText } from './project-workflow.ts'

export interface MadeProject {
  /** As it was given. */
  readonly directory: string
  readonly workflow: string
  /** Relative to the directory. */
  readonly files: readonly string[]
  /** Command lines to type there. */
  readonly next: readonly string[]
}

/** Writes everything or nothing; never over a file. Throws a UsageError or an EnvironmentError. */
export function makeProject(directory: string, languages: readonly [RuntimeName, ...RuntimeName[]]): MadeProject {
  checkDirectory(directory)
  const steps = projectSteps(languages)
  const root = join(directory, 'handlers')
  const handlers = steps.map(({ name, language, callable }) =>
    handlerFiles({ language, example: name, callable, root }),
  )
  const inside = (file: string) => relative(directory, file)
  const workflow = workflowText(
    steps,
    handlers.map(({ file }) => inside(file)),
  )
  const files: readonly NewFile[] = [
    ...handlers.flatMap((handler) => handler.files),
    { file: join(root, 'workflows', 'process_order.yaml'), text: workflow },
    { file: join(directory, contextFile), text: contextText(steps) },
    { file: join(directory, configFile), text: configText },
    { file: join(directory, '.gitignore'), text: ignoreText(steps) },
    { file: join(directory, 'README.md'), text: readmeText(basename(resolve(directory)), steps) },
  ]
  writeNewFiles(files, {
    others: steps.flatMap(({ callable }) => handlerPlaces(root, callable)),
    hint: 'Choose another directory, or move them away; nothing was written.',
  })
  return {
    directory,
    workflow: workflowName,
    files: files.map(({ file }) => inside(file)),
    next: nextCommands(steps),
  }
}

function checkDirectory(directory: string): void {
  if (directory === '') throw new UsageError('the directory has no name', 'Write `stephost init DIR`.')
  if (!existsSync(directory) || statSync(directory).isDirectory()) return
  throw new UsageError(
    `${directory} is no directory`,
    'Choose another name; the directory is made where it is missing.',
  )
}
