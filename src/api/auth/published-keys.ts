// The keys that the issuer of tokens publishes (JWKS): loaded at start, again when they are old or a key is missing, kept for a while when it is away.

import { lookup } from 'node:dns'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { type CryptoKey, createLocalJWKSet, errors, type FlattenedJWSInput, type JWSHeaderParameters } from 'jose'
import type { AuthSettings } from '../../model/auth.ts'
import { HostError, messageOf } from '../../model/host-error.ts'

const loadTimeoutMs = 5_000
const documentBytesMax = 1_048_576
/** Tokens with made-up key ids must not make us ask the issuer again and again. */
const missingKeyPauseMs = 30_000

type Finder = (header?: JWSHeaderParameters, token?: FlattenedJWSInput) => Promise<CryptoKey>

export class PublishedKeys {
  readonly #settings: AuthSettings
  #find: Finder
  #loadedAtMs = performance.now()
  #triedAtMs = performance.now()
  #loading: Promise<void> | null = null

  private constructor(settings: AuthSettings, find: Finder) {
    this.#settings = settings
    this.#find = find
  }

  /** Rejects with CONFIG_INVALID when they cannot be loaded now. */
  static async open(settings: AuthSettings): Promise<PublishedKeys> {
    try {
      return new PublishedKeys(settings, await loadKeys(settings))
    } catch (error) {
      const message = `${settings.table}.jwks_url: the keys cannot be loaded: ${messageOf(error)}`
      throw new HostError('CONFIG_INVALID', message, { cause: error })
    }
  }

  async find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    if (typeof header.kid !== 'string') throw new errors.JWKSNoMatchingKey('the token names no key')
    const now = performance.now()
    const ageMs = now - this.#loadedAtMs
    const { jwksRefreshMs, jwksMaxStaleMs } = this.#settings
    if (ageMs > jwksRefreshMs) await this.#load(ageMs > jwksRefreshMs + jwksMaxStaleMs)
    try {
      return await this.#find(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || now - this.#triedAtMs < missingKeyPauseMs) throw error
      await this.#load(false)
      return this.#find(header, token)
    }
  }

  /** One load for all who wait. `needed`: the keys at hand may not be used any more. */
  async #load(needed: boolean): Promise<void> {
    this.#loading ??= this.#loadOnce().finally(() => {
      this.#loading = null
    })
    await this.#loading.catch((error: unknown) => {
      if (!needed) return
      throw new HostError('AUTH_UNAVAILABLE', `The keys of the token issuer cannot be loaded: ${messageOf(error)}`)
    })
  }

  async #loadOnce(): Promise<void> {
    this.#triedAtMs = performance.now()
    this.#find = await loadKeys(this.#settings)
    this.#loadedAtMs = performance.now()
  }
}

async function loadKeys({ jwksUrl, jwksUrlAllowHttp }: AuthSettings): Promise<Finder> {
  const document: unknown = JSON.parse(await download(new URL(jwksUrl ?? ''), jwksUrlAllowHttp))
  return createLocalJWKSet(document as Parameters<typeof createLocalJWKSet>[0])
}

/** No redirects are followed. */
function download(url: URL, allowPrivate: boolean): Promise<string> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (!allowPrivate && isIP(host) !== 0 && isPrivate(host)) return Promise.reject(privateAddress(host))
  const send = url.protocol === 'http:' ? httpRequest : httpsRequest
  return new Promise((resolve, reject) => {
    const options = { lookup: allowPrivate ? lookup : publicLookup, signal: AbortSignal.timeout(loadTimeoutMs) }
    const sent = send(url, { ...options, agent: false, headers: { accept: 'application/json' } }, (response) => {
      if (response.statusCode !== 200) {
        response.resume()
        reject(new Error(`${url.href} answers ${response.statusCode}`))
        return
      }
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > documentBytesMax) response.destroy(new Error(`${url.href} is over ${documentBytesMax} bytes`))
      })
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
      response.on('error', reject)
    })
    sent.on('error', (error) => reject(error.name === 'AbortError' ? new Error(`${url.href} does not answer`) : error))
    sent.end()
  })
}

/** The address that is checked is the one that is connected to, so a name cannot change in between. */
const publicLookup: LookupFunction = (hostname, options, answer) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return answer(error, '')
    const refused = addresses.find(({ address }) => isPrivate(address))
    if (refused !== undefined) return answer(privateAddress(refused.address), '')
    if (options.all === true) return answer(null, addresses)
    const [first] = addresses
    return answer(null, first?.address ?? '', first?.family)
  })
}

function privateAddress(address: string): Error {
  return new Error(`${address} is a private address; set jwks_url_allow_http where the issuer is in the own network`)
}

const privateAddresses = new BlockList()
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  privateAddresses.addSubnet(net, prefix, 'ipv4')
}
for (const [net, prefix] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  privateAddresses.addSubnet(net, prefix, 'ipv6')
}

/** IPv4 in IPv6 notation counts as what it is. */
function isPrivate(address: string): boolean {
  return privateAddresses.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
