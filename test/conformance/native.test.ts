// Rust handlers behind the C ABI pass the conformance suite.

import { fileURLToPath } from 'node:url'
import { findHandlerLibraries } from '../../src/adapters/native/handler-libraries.ts'
import { NativeAdapter } from '../../src/adapters/native/native-adapter.ts'
import { exerciseAdapter } from './adapter-conformance.ts'
import { nativeTraits } from './native-traits.ts'

exerciseAdapter({
  name: 'Native',
  open: async (log) => {
    const root = fileURLToPath(new URL('../fixtures/handlers/rust', import.meta.url))
    const find = () => findHandlerLibraries([root])
    const adapter = new NativeAdapter({ find, threads: 8, cancelGraceMs: 300, log })
    await adapter.start()
    return adapter
  },
  traits: nativeTraits,
})
