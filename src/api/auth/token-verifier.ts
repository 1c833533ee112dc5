// Checks the JWT of a caller: signature, issuer, audience, time, and what it permits.

import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { AuthSettings, JwtAlgorithm, Principal } from '../../model/auth.ts'
import { HostError, isHostError, messageOf } from '../../model/host-error.ts'
import { AuthFailure } from './auth-failure.ts'
import { PublishedKeys } from './published-keys.ts'

interface Keys {
  readonly algorithms: readonly JwtAlgorithm[]
  readonly find: JWTVerifyGetKey
}

/** Clocks of issuer and server may differ by this much. */
const clockToleranceS = 60
const modulusBitsMin = 2048
const tokenCharsMax = 16_384

export class TokenVerifier {
  readonly #settings: AuthSettings
  readonly #keys: Keys

  private constructor(settings: AuthSettings, keys: Keys) {
    this.#settings = settings
    this.#keys = keys
  }

  /** null: only API keys are configured. Rejects with CONFIG_INVALID. */
  static async open(settings: AuthSettings): Promise<TokenVerifier | null> {
    const keys = await keysOf(settings)
    return keys === null ? null : new TokenVerifier(settings, keys)
  }

  /** Rejects with an AuthFailure; with AUTH_UNAVAILABLE when the issuer's keys are too old and cannot be loaded. */
  async verify(token: string): Promise<Principal> {
    if (token.length > tokenCharsMax) throw new AuthFailure('malformed', 'The token is too long')
    const { issuer, audience, permissionsClaim } = this.#settings
    const options = {
      algorithms: [...this.#keys.algorithms],
      clockTolerance: clockToleranceS,
      requiredClaims: ['exp', 'sub'],
      ...(issuer === '' ? {} : { issuer }),
      ...(audience === '' ? {} : { audience }),
    }
    try {
      const { payload } = await jwtVerify(token, this.#keys.find, options)
      return { subject: payload.sub ?? '', permissions: permissionsOf(payload, permissionsClaim) }
    } catch (error) {
      if (error instanceof AuthFailure || isHostError(error)) throw error
      throw failureOf(error)
    }
  }
}

async function keysOf(settings: AuthSettings): Promise<Keys | null> {
  if (settings.verificationMethod === 'jwks') {
    const published = await PublishedKeys.open(settings)
    return { algorithms: settings.allowedAlgorithms, find: (header, token) => published.find(header, token) }
  }
  const key = publicKey(settings)
  return key === null ? null : { algorithms: ['RS256'], find: async () => key }
}

function publicKey({ publicKey: pem, publicKeyPath: path, table }: AuthSettings): KeyObject | null {
  if (pem === null && path === null) return null
  const name = pem === null ? `${table}.jwt_public_key_path = ${JSON.stringify(path)}` : `${table}.jwt_public_key`
  const refuse = (reason: string, cause?: unknown) => new HostError('CONFIG_INVALID', `${name}: ${reason}`, { cause })
  let key: KeyObject
  try {
    const text = pem ?? readFileSync(path ?? '', 'utf8')
    if (/PRIVATE KEY/.test(text)) throw new Error('it is a private key; only the public one belongs here')
    // In variables the lines of a PEM are often joined with a written \n.
    key = createPublicKey(text.replaceAll('\\n', '\n'))
  } catch (error) {
    throw refuse(`cannot be read as a PEM public key: ${messageOf(error)}`, error)
  }
  if (key.asymmetricKeyType !== 'rsa') throw refuse(`must be an RSA key, not ${key.asymmetricKeyType}`)
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  if (bits < modulusBitsMin) throw refuse(`must have at least ${modulusBitsMin} bits, it has ${bits}`)
  return key
}

/** Nothing where the claim is missing: a token that grants nothing is refused by the route. */
function permissionsOf(payload: JWTPayload, claim: string): readonly string[] {
  const listed = payload[claim] ?? []
  if (Array.isArray(listed) && listed.every((name) => typeof name === 'string')) return listed
  throw new AuthFailure('malformed', `The claim "${claim}" of the token must be a list of texts`)
}

/** What a forger could learn from stays out of the answer. */
function failureOf(error: unknown): AuthFailure {
  if (error instanceof errors.JWTExpired) return new AuthFailure('expired', 'The token has expired', { cause: error })
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) {
    return new AuthFailure('malformed', 'The token is no JWT', { cause: error })
  }
  const claim = error instanceof errors.JWTClaimValidationFailed ? ` (${error.claim})` : ''
  return new AuthFailure('invalid', `The token is not valid${claim}`, { cause: error })
}
