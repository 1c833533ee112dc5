// Tells who a caller is and whether he may: a token first, then an API key. REST and gRPC ask the same one.

import { createHash, timingSafeEqual } from 'node:crypto'
import type { ApiKey, AuthSettings, Principal } from '../../model/auth.ts'
import { allPermissions, grants, isPermission, type Permission } from '../../model/permission.ts'
import { AuthFailure } from './auth-failure.ts'
import type { TokenVerifier } from './token-verifier.ts'

export interface Credentials {
  /** The header `Authorization`; null: none. */
  readonly authorization: string | null
  /** The header that `apiKeyHeader` names; null: none. */
  readonly apiKey: string | null
}

const anonymous: Principal = { subject: 'anonymous', permissions: allPermissions }

export class Authenticator {
  readonly #settings: AuthSettings
  readonly #tokens: TokenVerifier | null
  readonly #keys: readonly { readonly digest: Buffer; readonly key: ApiKey }[]
  readonly #warn: (message: string) => void

  private constructor(settings: AuthSettings, tokens: TokenVerifier | null, warn: (message: string) => void) {
    this.#settings = settings
    this.#tokens = tokens
    this.#keys = settings.apiKeys.map((key) => ({ digest: digest(key.key), key }))
    this.#warn = warn
  }

  /** Rejects with CONFIG_INVALID when a key cannot be read or loaded. */
  static async open(settings: AuthSettings, warn: (message: string) => void): Promise<Authenticator> {
    return new Authenticator(settings, settings.enabled ? await openTokenVerifier(settings) : null, warn)
  }

  get enabled(): boolean {
    return this.#settings.enabled
  }

  /** In lower case, as Node's headers and gRPC's metadata are. */
  get apiKeyHeader(): string {
    return this.#settings.apiKeyHeader.toLowerCase()
  }

  /** Rejects with an AuthFailure. */
  async authorize(credentials: Credentials, wanted: Permission): Promise<Principal> {
    const principal = await this.#authenticate(credentials)
    if (!grants(principal.permissions, wanted)) {
      throw new AuthFailure('forbidden', `Missing required permission: ${wanted}`)
    }
    return principal
  }

  async #authenticate({ authorization, apiKey }: Credentials): Promise<Principal> {
    if (!this.#settings.enabled) return anonymous
    const token = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
    if (token !== undefined) return this.#checked(await this.#byToken(token))
    if (apiKey !== null) return this.#checked(this.#byKey(apiKey))
    if (authorization !== null) throw new AuthFailure('malformed', 'Authorization must be: Bearer TOKEN')
    const header = this.#settings.apiKeyHeader
    throw new AuthFailure('missing', `Authentication required: send Authorization: Bearer TOKEN, or ${header}`)
  }

  #byToken(token: string): Promise<Principal> {
    if (this.#tokens === null) throw new AuthFailure('invalid', 'Tokens are not accepted here')
    return this.#tokens.verify(token)
  }

  /** All keys are looked at, each in constant time: how long it takes says nothing. */
  #byKey(text: string): Principal {
    const given = digest(text)
    const found = this.#keys.filter((each) => timingSafeEqual(each.digest, given))[0]
    if (found === undefined) throw new AuthFailure('invalid', 'Invalid API key')
    return { subject: found.key.description, permissions: found.key.permissions }
  }

  #checked(principal: Principal): Principal {
    const unknown = principal.permissions.filter((permission) => !isPermission(permission))
    if (unknown.length === 0) return principal
    const named = unknown.slice(0, 5).map((permission) => JSON.stringify(permission.slice(0, 100)))
    if (this.#settings.logUnknownPermissions) {
      this.#warn(`a credential of ${JSON.stringify(principal.subject)} names unknown permissions: ${named.join(', ')}`)
    }
    if (this.#settings.strictValidation) {
      throw new AuthFailure('invalid', `The credential names unknown permissions: ${named.join(', ')}`)
    }
    return principal
  }
}

/** Its package is loaded only where it is used, as those of other parts that most commands do without. */
async function openTokenVerifier(settings: AuthSettings): Promise<TokenVerifier | null> {
  const { TokenVerifier } = await import('./token-verifier.ts')
  return TokenVerifier.open(settings)
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
