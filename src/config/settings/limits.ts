// `limits`: how large frames and JSON documents may be.
import { integerBetween, setting, type Values } from './setting.ts'

export const limitSettings = {
  frame_bytes_max: setting(integerBetween(65_536, 268_435_456), 'Largest frame between host and runtime'),
  json_depth_max: setting(integerBetween(10, 1000), 'Deepest nesting of a JSON document'),
  result_bytes_max: setting(integerBetween(1024, 134_217_728), 'Largest result of a step'),
}

export interface LimitsConfig {
  readonly frameBytesMax: number
  readonly jsonDepthMax: number
  readonly resultBytesMax: number
}

export function limitsConfig(values: Values<typeof limitSettings>): LimitsConfig {
  return {
    frameBytesMax: values.frame_bytes_max,
    jsonDepthMax: values.json_depth_max,
    resultBytesMax: values.result_bytes_max,
  }
}
