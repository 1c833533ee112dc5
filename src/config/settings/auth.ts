// `orchestration.web.auth` and `worker.web.auth`: who may use the APIs. Rules between keys are checked where the server starts.
import { type ApiKey, type AuthSettings, type JwtAlgorithm, jwtAlgorithms } from '../../model/auth.ts'
import { allPermissions, isPermission } from '../../model/permission.ts'
import {
  boolean,
  type Format,
  form,
  integerBetween,
  oneOf,
  setting,
  text,
  textNotEmpty,
  type Values,
} from './setting.ts'

export interface StatedKey {
  readonly key: string
  readonly permissions?: readonly string[]
  readonly description?: string
}

/** Visible ASCII: what can stand in a header. */
const keyPattern = /^[\x21-\x7e]{16,512}$/

const algorithms: Format<readonly JwtAlgorithm[]> = form(
  `a list, not empty, of ${jwtAlgorithms.join(', ')}`,
  (value) =>
    Array.isArray(value) && value.length > 0 && value.every((name) => jwtAlgorithms.some((known) => known === name)),
)
const headerName: Format<string> = form(
  'the name of an HTTP header, other than Authorization',
  (value) =>
    typeof value === 'string' && /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(value) && value.toLowerCase() !== 'authorization',
)
const apiKeys: Format<readonly StatedKey[]> = form(
  'a list of { key, permissions, description }: key of 16 to 512 visible ASCII characters, permissions a list of texts',
  (value) => Array.isArray(value) && value.every(isStatedKey),
)

export const authSettings = {
  enabled: setting(boolean, 'Whether callers must say who they are'),
  jwt_verification_method: setting(oneOf(['public_key', 'jwks']), 'Where the keys of tokens come from'),
  jwt_issuer: setting(text, 'The `iss` of a token; empty: any'),
  jwt_audience: setting(text, 'The `aud` of a token; empty: any'),
  jwt_public_key: setting(text, 'The key of the issuer, as PEM; empty: none'),
  jwt_public_key_path: setting(text, 'A file with the key of the issuer; empty: none'),
  jwks_url: setting(text, 'Where the keys of the issuer are published; empty: nowhere'),
  jwks_refresh_interval_seconds: setting(integerBetween(10, 86_400), 'How long published keys are kept'),
  jwks_max_stale_seconds: setting(integerBetween(0, 86_400), 'How much longer where they cannot be loaded again'),
  jwks_url_allow_http: setting(boolean, 'Whether jwks_url may be plain HTTP, and a private address'),
  jwt_allowed_algorithms: setting(algorithms, 'Signatures that are accepted with jwks'),
  permissions_claim: setting(textNotEmpty, 'The claim of a token that lists its permissions'),
  strict_validation: setting(boolean, 'Whether a credential with a permission that does not exist is refused'),
  log_unknown_permissions: setting(boolean, 'Whether such a credential is told of in the log'),
  api_key: setting(text, 'One key that may do everything; empty: none'),
  api_key_header: setting(headerName, 'The header that carries an API key'),
  api_keys_enabled: setting(boolean, 'Whether api_keys are used'),
  api_keys: setting(apiKeys, 'Keys with permissions of their own'),
}

export function authConfig(values: Values<typeof authSettings>, table: string): AuthSettings {
  const legacy =
    values.api_key === '' ? [] : [{ key: values.api_key, permissions: allPermissions, description: 'api_key' }]
  return {
    table,
    enabled: values.enabled,
    verificationMethod: values.jwt_verification_method,
    issuer: values.jwt_issuer,
    audience: values.jwt_audience,
    publicKey: orNull(values.jwt_public_key),
    publicKeyPath: orNull(values.jwt_public_key_path),
    jwksUrl: orNull(values.jwks_url),
    jwksRefreshMs: values.jwks_refresh_interval_seconds * 1000,
    jwksMaxStaleMs: values.jwks_max_stale_seconds * 1000,
    jwksUrlAllowHttp: values.jwks_url_allow_http,
    allowedAlgorithms: values.jwt_allowed_algorithms,
    permissionsClaim: values.permissions_claim,
    strictValidation: values.strict_validation,
    logUnknownPermissions: values.log_unknown_permissions,
    apiKeyHeader: values.api_key_header,
    apiKeys: [...legacy, ...(values.api_keys_enabled ? values.api_keys.map(apiKey) : [])],
  }
}

/** The values are checked apart from each other; these rules join them. One line for each that is broken. */
export function authProblems(values: Values<typeof authSettings>, table: string): string[] {
  if (!values.enabled) return []
  const problems: string[] = []
  const say = (key: string, problem: string) => problems.push(`${table}.${key}: ${problem}`)
  const hasPem = values.jwt_public_key !== '' || values.jwt_public_key_path !== ''
  const hasKeys = values.api_key !== '' || (values.api_keys_enabled && values.api_keys.length > 0)
  const isJwks = values.jwt_verification_method === 'jwks'
  if (isJwks) jwksProblems(values, say)
  else if (!hasPem && !hasKeys) {
    say(
      'enabled',
      'nobody could come in; set jwt_public_key (TASKER_JWT_PUBLIC_KEY), jwt_public_key_path, jwks_url with jwt_verification_method = "jwks", or api_keys with api_keys_enabled = true',
    )
  }
  if (values.api_key !== '' && !keyPattern.test(values.api_key)) {
    say('api_key', 'must have 16 to 512 visible ASCII characters')
  }
  if (values.api_keys_enabled && values.strict_validation) {
    const unknown = values.api_keys.flatMap((each) => (each.permissions ?? []).filter((name) => !isPermission(name)))
    for (const name of new Set(unknown)) say('api_keys', `there is no permission ${JSON.stringify(name)}`)
  }
  return problems
}

function jwksProblems(values: Values<typeof authSettings>, say: (key: string, problem: string) => void): void {
  const { jwks_url: url, jwks_url_allow_http: allowHttp } = values
  if (url === '') say('jwks_url', 'must be set where jwt_verification_method is "jwks"')
  else if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) say('jwks_url', 'must be an https:// URL')
  else if (new URL(url).protocol === 'http:' && !allowHttp) {
    say('jwks_url', 'is plain HTTP, so anybody on the way could hand out keys; use https, or set jwks_url_allow_http')
  }
}

function isStatedKey(value: unknown): value is StatedKey {
  if (typeof value !== 'object' || value === null) return false
  const { key, permissions = [], description = '', ...others } = value as Record<string, unknown>
  const isList = Array.isArray(permissions) && permissions.every((name) => typeof name === 'string')
  const isKey = typeof key === 'string' && keyPattern.test(key)
  return isKey && isList && typeof description === 'string' && Object.keys(others).length === 0
}

function apiKey({ key, permissions = [], description = '' }: StatedKey): ApiKey {
  return { key, permissions, description }
}

function orNull(value: string): string | null {
  return value === '' ? null : value
}
