// The protocol as the files below proto/ state it: read once at the start, nothing is generated.

import { join } from 'node:path'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { load, type PackageDefinition } from '@grpc/proto-loader'
import { protoPath as healthProto } from 'grpc-health-check'

/** `root`: the directory that holds tasker/v1. `files`: below it. */
export function loadProtoFiles(root: string, files: readonly string[]): Promise<PackageDefinition> {
  return load(
    files.map((file) => join(root, file)),
    // Fields have the names of REST; what was not sent stays away, so that a missing field is told from an empty one.
    { keepCase: true, longs: Number, enums: String, defaults: false, includeDirs: [root] },
  )
}

/** For reflection: the service itself comes with its package. */
export function loadHealthFile(): Promise<PackageDefinition> {
  return load(healthProto)
}

export function serviceOf(files: PackageDefinition, name: string): ServiceDefinition {
  const found = files[name]
  if (found === undefined || 'format' in found) throw new Error(`${name} is no service of the protocol files`)
  return found
}
