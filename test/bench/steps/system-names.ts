// How our systems are called in tables, judgements and `--systems`.

export const systemNames = {
  ours: 'stephost',
  tasker: 'stephost on the indexes of Tasker',
  announced: 'stephost announcing each result',
  statements: 'own statements without handlers',
} as const
