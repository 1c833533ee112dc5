// The libraries in plain C that are built beside the addon: they prove the ABI without cargo.

import { dirname, join } from 'node:path'
import { addonPath } from '../../../src/adapters/native/addon.ts'
import type { HandlerLibraryFile } from '../../../src/adapters/native/handler-libraries.ts'

export type CLibrary =
  | 'c_handlers'
  | 'wrong_version'
  | 'small_table'
  | 'null_functions'
  | 'no_symbol'
  | 'version_one'
  | 'version_two'

export function cLibrary(name: CLibrary): string {
  return join(dirname(addonPath()), `${name}.node`)
}

export function cLibraryFile(name: CLibrary): HandlerLibraryFile {
  return { path: cLibrary(name), root: 'native/fixtures', file: `${name}.so` }
}
