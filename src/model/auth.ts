// How callers of the APIs prove who they are: the settings of one server. Source: worker-api-and-config §1.1, §3.3.

export const jwtAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384'] as const
export type JwtAlgorithm = (typeof jwtAlgorithms)[number]

/** Who a caller turned out to be. */
export interface Principal {
  /** `sub` of the token, or the description of the API key. */
  readonly subject: string
  readonly permissions: readonly string[]
}

export interface ApiKey {
  readonly key: string
  readonly permissions: readonly string[]
  readonly description: string
}

export interface AuthSettings {
  /** The table of the configuration, for messages: `orchestration.web.auth`. */
  readonly table: string
  readonly enabled: boolean
  readonly verificationMethod: 'public_key' | 'jwks'
  /** Empty: any. */
  readonly issuer: string
  readonly audience: string
  /** PEM; null: none stated. */
  readonly publicKey: string | null
  readonly publicKeyPath: string | null
  readonly jwksUrl: string | null
  readonly jwksRefreshMs: number
  /** How long keys are used after a refresh that failed. */
  readonly jwksMaxStaleMs: number
  /** Also lets the address be a private one. */
  readonly jwksUrlAllowHttp: boolean
  /** For `jwks`; a public key is RS256. */
  readonly allowedAlgorithms: readonly JwtAlgorithm[]
  readonly permissionsClaim: string
  /** A credential with a permission that does not exist is refused. */
  readonly strictValidation: boolean
  readonly logUnknownPermissions: boolean
  readonly apiKeyHeader: string
  readonly apiKeys: readonly ApiKey[]
}

export const authOff: AuthSettings = {
  table: 'auth',
  enabled: false,
  verificationMethod: 'public_key',
  ...{ issuer: '', audience: '', publicKey: null, publicKeyPath: null, jwksUrl: null },
  ...{ jwksRefreshMs: 3_600_000, jwksMaxStaleMs: 300_000, jwksUrlAllowHttp: false, allowedAlgorithms: ['RS256'] },
  ...{ permissionsClaim: 'permissions', strictValidation: true, logUnknownPermissions: true },
  ...{ apiKeyHeader: 'X-API-Key', apiKeys: [] },
}
