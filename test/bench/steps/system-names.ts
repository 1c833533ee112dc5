// How our systems are called in tables, judgements and `--systems`.

export const systemNames = {
  ours: 'stephost',
  tuned: 'stephost tuned',
  tasker: 'stephost on the indexes of Tasker',
  announced: 'stephost announcing each result',
  statements: 'own statements without handlers',
  claimers: 'ten claimers on one queue',
  graphile: 'graphile-worker tuned',
  graphileDefaults: 'graphile-worker defaults',
  killedWorker: 'stephost, a worker killed',
  killed: (peer: string) => `${peer}, a worker killed`,
  killedSidecar: 'stephost, a sidecar killed',
  steady: (system: string, rate: number) => `${system} at ${rate}/s`,
  hogged: (system: string, rate: number) => `${system} at ${rate}/s beside a hog`,
  depth: (messages: number) => `stephost, ${messages} messages waiting`,
  language: (languages: readonly string[]) => `stephost ${languages.length > 1 ? 'mixed' : languages.join()}`,
} as const

/** Messages that wait; the last one is for patient people. */
export const queueDepths = [10_000, 100_000, 1_000_000] as const
