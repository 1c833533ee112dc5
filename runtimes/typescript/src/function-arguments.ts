// The arguments of a handler's function: results of steps, fields of the task, and what its kind adds.

import { HandlerMistake } from './handler-mistake.ts'
import type { StepContext } from './step-context.ts'

type ArgumentName<Arguments> = Exclude<keyof Arguments & string, 'context'>

export interface DefineHandlerOptions<Arguments extends object> {
  /** Argument → step whose result it gets (null when that step has none). */
  readonly depends?: { readonly [Name in ArgumentName<Arguments>]?: string }
  /** Argument → field of the task context. */
  readonly inputs?: { readonly [Name in ArgumentName<Arguments>]?: string }
  readonly version?: string
}

export interface HandlerArguments {
  readonly context: StepContext
}

type Read = (context: StepContext) => unknown

/** Handler class → steps whose results its declaration asks for. */
const declared = new WeakMap<object, readonly string[]>()

/** Empty for a class that asks while it runs. */
export function dependenciesOf(handlerClass: object): readonly string[] {
  return declared.get(handlerClass) ?? []
}

export class FunctionArguments<Arguments extends object> {
  readonly #injections: readonly (readonly [string, Read])[]
  readonly #steps: readonly string[]

  /** Throws HandlerMistake: `fn` is no function, or one argument has two sources. */
  constructor(name: string, options: DefineHandlerOptions<Arguments>, fn: unknown) {
    if (typeof fn !== 'function')
      throw new HandlerMistake(`the handler "${name}" needs a function as its last argument`)
    const depends = Object.entries<string | undefined>(options.depends ?? {})
    const inputs = Object.entries<string | undefined>(options.inputs ?? {})
    const twice = inputs.find(([argument]) => depends.some(([other]) => other === argument))
    if (twice !== undefined) {
      throw new HandlerMistake(
        `the argument "${twice[0]}" of "${name}" is in \`depends\` and in \`inputs\`; rename one`,
      )
    }
    this.#steps = depends.map(([argument, step]) => step ?? argument)
    this.#injections = [
      ...depends.map(([argument, step]): [string, Read] => [argument, (c) => c.getDependencyResult(step ?? argument)]),
      ...inputs.map(([argument, key]): [string, Read] => [argument, (c) => c.getInput(key ?? argument)]),
    ]
  }

  of<About extends object>(context: StepContext, about: About): Arguments & HandlerArguments & About {
    const injected = Object.fromEntries(this.#injections.map(([argument, read]) => [argument, read(context)]))
    return { ...injected, ...about, context } as Arguments & HandlerArguments & About
  }

  noteOn(handlerClass: object): void {
    declared.set(handlerClass, this.#steps)
  }
}
