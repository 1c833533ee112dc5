// Capabilities as classes: a base class of handlers that has the methods of a mixin, and the same for any object.

import { StepHandler } from './step-handler.ts'

/** A handler class to extend, whose instances have the methods of the mixin too. */
export type Mixed<Mixin> = Omit<typeof StepHandler, 'prototype'> & (abstract new () => StepHandler & Mixin)

export function mixed<Mixin extends object>(mixin: { readonly prototype: Mixin }, capability: string): Mixed<Mixin> {
  abstract class Capable extends StepHandler {
    override get capabilities(): string[] {
      return [...super.capabilities, capability]
    }
  }
  give(mixin.prototype, Capable.prototype)
  return Capable as unknown as Mixed<Mixin>
}

/** Gives an object the methods of a mixin; its own stay. */
export function apply<Target extends object, Mixin extends object>(
  target: Target,
  mixin: { readonly prototype: Mixin },
): Target & Mixin {
  give(mixin.prototype, target)
  return target as Target & Mixin
}

function give(from: object, to: object): void {
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(from))) {
    if (name !== 'constructor' && !Object.hasOwn(to, name)) Object.defineProperty(to, name, property)
  }
}
