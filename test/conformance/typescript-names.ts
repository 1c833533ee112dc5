// Public names of the TypeScript SDK as api.json writes them, and the signature of what each means, by the compiler itself.

import ts from 'typescript'
import { repositoryPath } from './sidecar.ts'

const entry = repositoryPath('runtimes/typescript/src/stephost.ts')

export class TypeScriptNames {
  readonly #checker: ts.TypeChecker
  readonly #exports: ReadonlyMap<string, ts.Symbol>

  constructor() {
    const { config } = ts.readConfigFile(repositoryPath('tsconfig.json'), ts.sys.readFile) as { config: object }
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, repositoryPath('.'))
    const program = ts.createProgram([entry], options)
    this.#checker = program.getTypeChecker()
    const source = program.getSourceFile(entry)
    const module = source === undefined ? undefined : this.#checker.getSymbolAtLocation(source)
    if (module === undefined) throw new Error('The entry of the SDK is no module.')
    this.#exports = new Map(this.#checker.getExportsOfModule(module).map((symbol) => [symbol.name, symbol]))
  }

  /** `A`, `A.static` or `A#member`; its type, or `class`. Throws when there is no such thing. */
  signature(name: string): string {
    const [, className = '', separator, member = ''] = /^(\w+)(?:([.#])(\w+))?$/.exec(name) ?? []
    const exported = this.#resolved(className)
    if (separator === undefined) {
      return (exported.flags & ts.SymbolFlags.Class) === 0 ? this.#typeOf(exported) : 'class'
    }
    const type =
      separator === '.' ? this.#checker.getTypeOfSymbol(exported) : this.#checker.getDeclaredTypeOfSymbol(exported)
    const found = this.#checker.getPropertyOfType(type, member)
    if (found === undefined) throw new Error(`There is no ${name}.`)
    return this.#typeOf(found)
  }

  #resolved(name: string): ts.Symbol {
    const symbol = this.#exports.get(name)
    if (symbol === undefined) throw new Error(`${name} is not exported.`)
    return (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : this.#checker.getAliasedSymbol(symbol)
  }

  #typeOf(symbol: ts.Symbol): string {
    return this.#checker.typeToString(this.#checker.getTypeOfSymbol(symbol), undefined, ts.TypeFormatFlags.NoTruncation)
  }
}
