// The star: every room imports only `model`, adapters also `protocol`; host.ts alone introduces rooms to each other.
const room = (name, ...mayImport) => ({
  name: `room-${name}`,
  severity: 'error',
  from: { path: `^src/${name}/` },
  to: { path: '^src/', pathNot: [name, ...mayImport].map((other) => `^src/${other}/`) },
})

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'model-imports-nothing',
      severity: 'error',
      from: { path: '^src/model/' },
      to: { pathNot: '^src/model/' },
    },
    {
      name: 'adapters-are-siblings',
      severity: 'error',
      from: { path: '^src/adapters/([^/]+)/' },
      to: { path: '^src/adapters/', pathNot: '^src/adapters/$1/' },
    },
    {
      name: 'pg-only-in-postgres',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/postgres/' },
      to: { path: 'node_modules/(pg|@types/pg)/' },
    },
    {
      name: 'runtime-stays-guest',
      comment:
        'The TypeScript runtime is a guest: it shares nothing with the host but the wire, and no host code loads it.',
      severity: 'error',
      from: { path: '^runtimes/' },
      to: { path: '^src/' },
    },
    room('protocol', 'model'),
    room('config', 'model'),
    room('postgres', 'model'),
    room('adapters', 'model', 'protocol'),
    room('dispatch', 'model'),
    room('events', 'model'),
    room('orchestration', 'model'),
    room('api', 'model'),
    room('telemetry', 'model'),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
}
