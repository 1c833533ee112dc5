// The TypeScript runtime in processes of its own, behind the sidecar adapter, passes the conformance suite.

import { exerciseAdapter } from './adapter-conformance.ts'
import { guests, openSidecar } from './sidecar.ts'
import { typescriptTraits } from './typescript-traits.ts'

exerciseAdapter({
  name: 'TypeScript sidecar',
  open: (log) => openSidecar(guests.typescript, log),
  traits: { ...typescriptTraits, dies: true },
})
