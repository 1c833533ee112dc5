// tasker.v1.ConfigService: GET /config as a call. Source: orchestration-semantics §6.10, §7.

import type { AuthSettings } from '../../model/auth.ts'
import { configDocument, type ShownConfig } from '../rest/config-routes.ts'
import type { Service } from './method.ts'
import { timestamp } from './protobuf-document.ts'

export function configService(parts: { readonly shown: ShownConfig; readonly auth: AuthSettings }): Service {
  return {
    name: 'tasker.v1.ConfigService',
    file: 'tasker/v1/config.proto',
    methods: {
      GetConfig: {
        permission: 'system:config_read',
        answer: async () => {
          const { metadata, ...document } = configDocument(parts)
          return { ...document, metadata: { ...metadata, timestamp: timestamp(metadata.timestamp) } }
        },
      },
    },
  }
}
