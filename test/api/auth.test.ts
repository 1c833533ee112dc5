// Authentication over real HTTP: tokens by key and by published keys, API keys, permissions, and what is refused at the start.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { RestServer } from '../../src/api/rest/rest-server.ts'
import { type AuthSettings, authOff } from '../../src/model/auth.ts'

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const others = generateKeyPairSync('rsa', { modulusLength: 2048 })
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = keys.publicKey.export({ type: 'spki', format: 'pem' }).toString()
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const hour = 3600

const byKey: AuthSettings = {
  ...authOff,
  ...{ table: 'orchestration.web.auth', enabled: true, issuer: 'tasker-core', audience: 'tasker-api', publicKey: pem },
  apiKeys: [
    { key: 'reader-key-0123456789', permissions: ['tasks:*'], description: 'reader' },
    { key: 'writer-key-0123456789', permissions: ['dlq:update', 'tasks:read'], description: 'writer' },
  ],
}

interface Claims {
  readonly permissions?: unknown
  readonly key?: KeyObject
  readonly alg?: string
  readonly kid?: string
  readonly issuer?: string
  readonly audience?: string
  readonly expiresInS?: number
}

function token(claims: Claims = {}): Promise<string> {
  const { key = keys.privateKey, alg = 'RS256', kid, issuer = 'tasker-core', audience = 'tasker-api' } = claims
  const { permissions = ['tasks:read'], expiresInS = hour } = claims
  return new SignJWT({ permissions, worker_namespaces: [] })
    .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) })
    .setSubject('somebody')
    .setIssuer(issuer)
    .setAudience(audience)
    .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInS)
    .sign(key)
}

async function serve(auth: AuthSettings, options: { host?: string; warnings?: string[] } = {}): Promise<RestServer> {
  const server = new RestServer({
    port: 0,
    ...(options.host === undefined ? {} : { host: options.host }),
    auth,
    routes: (app) => {
      app.get('/open', async () => ({ ok: true }))
      app.get('/read', { config: { permission: 'tasks:read' } }, async () => ({ ok: true }))
      app.post('/update', { config: { permission: 'dlq:update' } }, async () => ({ ok: true }))
    },
    onFault: () => {},
    onWarning: (message) => options.warnings?.push(message),
    stopGraceMs: 50,
  })
  await server.start()
  onTestFinished(() => server.stop())
  return server
}

async function ask(server: RestServer, path: string, headers: Record<string, string> = {}, method = 'GET') {
  const response = await fetch(`${server.address}${path}`, { method, headers })
  return { status: response.status, headers: response.headers, body: await response.json() }
}

async function refusal(server: RestServer, headers: Record<string, string>) {
  const answer = await ask(server, '/read', headers)
  const { error } = answer.body as { error: { code: string } }
  const name = 'x-auth-failure-'
  const reason = [answer.headers.get(`${name}reason`), answer.headers.get(`${name}severity`)]
  return [answer.status, error.code, ...reason, answer.headers.get('retry-after')]
}

describe('without authentication', () => {
  it('lets everybody do everything, and warns of an address that others reach', async () => {
    const warnings: string[] = []
    const server = await serve({ ...authOff, table: 'orchestration.web.auth' }, { host: '0.0.0.0', warnings })
    const port = new URL(server.address ?? '').port
    const response = await fetch(`http://127.0.0.1:${port}/read`)
    expect(response.status).toBe(200)
    expect(warnings).toEqual([
      expect.stringMatching(/0\.0\.0\.0.*without authentication.*orchestration\.web\.auth\.enabled/),
    ])
    const quiet: string[] = []
    await serve(authOff, { warnings: quiet })
    expect(quiet).toEqual([])
  })
})

describe('with a public key and API keys', () => {
  it('asks for a credential where a route needs a permission, and only there', async () => {
    const server = await serve(byKey)
    expect((await ask(server, '/open')).status).toBe(200)
    const missing = await ask(server, '/read')
    expect(missing.body).toEqual({ error: { code: 'UNAUTHORIZED', message: expect.stringContaining('X-API-Key') } })
    expect(await refusal(server, {})).toEqual([401, 'UNAUTHORIZED', 'missing', 'low', null])
    expect(missing.headers.get('www-authenticate')).toBe('Bearer')
  })

  it('accepts a good token, also with a whole resource', async () => {
    const server = await serve(byKey)
    expect((await ask(server, '/read', bearer(await token()))).status).toBe(200)
    expect(
      (await ask(server, '/read', { authorization: `bearer ${await token({ permissions: ['tasks:*'] })}` })).status,
    ).toBe(200)
  })

  it('tells who may not from who is nobody', async () => {
    const server = await serve(byKey)
    const failed = async (claims: Claims) => refusal(server, bearer(await token(claims)))
    const bad = (reason: string) => [401, 'AUTHENTICATION_FAILED', reason, 'high', '60']
    expect(await failed({ permissions: ['tasks:list'] })).toEqual([
      ...[403, 'AUTHORIZATION_FAILED', 'forbidden', 'medium', '5'],
    ])
    expect((await failed({ permissions: [] }))[0]).toBe(403)
    expect(await failed({ expiresInS: -hour })).toEqual(bad('expired'))
    expect(await failed({ issuer: 'somebody else' })).toEqual(bad('invalid'))
    expect(await failed({ audience: 'another' })).toEqual(bad('invalid'))
    expect(await failed({ key: others.privateKey })).toEqual(bad('invalid'))
    expect(await failed({ alg: 'RS512' })).toEqual(bad('invalid'))
    expect(await failed({ permissions: 'tasks:read' })).toEqual(bad('malformed'))
    expect(await failed({ permissions: ['*'] })).toEqual(bad('invalid'))
    expect(await refusal(server, bearer('nonsense'))).toEqual(bad('malformed'))
    expect(await refusal(server, { authorization: 'Basic YTpi' })).toEqual(bad('malformed'))
    const unsigned = `${btoa('{"alg":"none"}')}.${btoa('{"sub":"x","permissions":["tasks:read"]}')}.`.replaceAll(
      '=',
      '',
    )
    expect(await refusal(server, bearer(unsigned))).toEqual(bad('invalid'))
  })

  it('names the permission that is missing', async () => {
    const server = await serve(byKey)
    const { body } = await ask(server, '/update', bearer(await token()), 'POST')
    expect(body).toMatchObject({ error: { message: expect.stringContaining('dlq:update') } })
  })

  it('takes API keys with their permissions, and a token before them', async () => {
    const server = await serve(byKey)
    const key = (text: string) => ({ 'x-api-key': text })
    expect((await ask(server, '/read', key('reader-key-0123456789'))).status).toBe(200)
    expect((await ask(server, '/update', key('reader-key-0123456789'), 'POST')).status).toBe(403)
    expect((await ask(server, '/update', key('writer-key-0123456789'), 'POST')).status).toBe(200)
    expect((await refusal(server, key('wrong')))[2]).toBe('invalid')
    const both = { ...key('reader-key-0123456789'), ...bearer('nonsense') }
    expect((await refusal(server, both))[2]).toBe('malformed')
  })

  it('passes over unknown permissions where it is told to', async () => {
    const warnings: string[] = []
    const server = await serve({ ...byKey, strictValidation: false }, { warnings })
    const mixed = await token({ permissions: ['tasks:read', 'coffee:make'] })
    expect((await ask(server, '/read', bearer(mixed))).status).toBe(200)
    expect(warnings).toEqual([expect.stringContaining('coffee:make')])
  })

  it('reads the key from a file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'stephost-auth-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const file = join(directory, 'key.pem')
    writeFileSync(file, pem)
    const server = await serve({ ...byKey, publicKey: null, publicKeyPath: file })
    expect((await ask(server, '/read', bearer(await token()))).status).toBe(200)
  })
})

describe('what cannot work is refused at the start', () => {
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey
  const asPem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()
  const jwks = { publicKey: null, verificationMethod: 'jwks' as const }
  it.each([
    ['no PEM', { publicKey: 'nonsense' }, /orchestration\.web\.auth\.jwt_public_key: cannot be read/],
    ['another kind', { publicKey: asPem(curve.publicKey) }, /must be an RSA key/],
    ['too short', { publicKey: asPem(short) }, /at least 2048 bits/],
    [
      'private',
      { publicKey: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() },
      /only the public one/,
    ],
    ['no file', { publicKey: null, publicKeyPath: '/nowhere.pem' }, /jwt_public_key_path = "\/nowhere\.pem"/],
    ['private address', { ...jwks, jwksUrl: 'https://127.0.0.1/keys' }, /jwks_url.*private address/],
    ['private by name', { ...jwks, jwksUrl: 'https://localhost/keys' }, /jwks_url.*private address/],
    ['mapped address', { ...jwks, jwksUrl: 'https://[::ffff:10.0.0.1]/keys' }, /jwks_url.*private address/],
  ])('%s', async (_case, changes, said) => {
    await expect(serve({ ...byKey, ...changes })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(said),
    })
  })
})

describe('with published keys', () => {
  let issuer: Server
  let answer: { status: number; body: string; location?: string }
  let asked = 0
  let settings: AuthSettings
  beforeAll(async () => {
    issuer = createServer((_request, response) => {
      asked += 1
      response.writeHead(answer.status, answer.location === undefined ? {} : { location: answer.location })
      response.end(answer.body)
    })
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve))
    const jwksUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks`
    settings = {
      ...byKey,
      ...{ publicKey: null, verificationMethod: 'jwks', jwksUrl, jwksUrlAllowHttp: true, jwksRefreshMs: 60_000 },
      allowedAlgorithms: ['RS256', 'ES256'],
    }
  })
  afterAll(() => new Promise((resolve) => issuer.close(resolve)))

  async function publish(): Promise<void> {
    const published = [
      { ...(await exportJWK(keys.publicKey)), kid: 'first', alg: 'RS256' },
      { ...(await exportJWK(curve.publicKey)), kid: 'second', alg: 'ES256' },
    ]
    answer = { status: 200, body: JSON.stringify({ keys: published }) }
  }

  it('finds the key by its id, RSA and elliptic, and asks for the keys once', async () => {
    await publish()
    asked = 0
    const server = await serve(settings)
    const status = async (claims: Claims) => (await ask(server, '/read', bearer(await token(claims)))).status
    expect(await status({ kid: 'first' })).toBe(200)
    expect(await status({ kid: 'second', key: curve.privateKey, alg: 'ES256' })).toBe(200)
    expect(await status({ kid: 'second' })).toBe(401)
    expect(await status({})).toBe(401)
    expect(await status({ kid: 'made up' })).toBe(401)
    expect(asked).toBe(1)
  })

  it('serves old keys for a while, then says that the issuer is away', async () => {
    await publish()
    const stale = await serve({ ...settings, jwksRefreshMs: 0, jwksMaxStaleMs: 60_000 })
    const gone = await serve({ ...settings, jwksRefreshMs: 0, jwksMaxStaleMs: 0 })
    answer = { status: 500, body: '' }
    const sent = bearer(await token({ kid: 'first' }))
    expect((await ask(stale, '/read', sent)).status).toBe(200)
    expect(await ask(gone, '/read', sent)).toMatchObject({
      ...{ status: 503, body: { error: { code: 'SERVICE_UNAVAILABLE' } } },
    })
    await publish()
    expect((await ask(gone, '/read', sent)).status).toBe(200)
  })

  it.each([
    ['nothing', { status: 404, body: '' }, /answers 404/],
    ['a redirect', { status: 302, body: '', location: 'http://169.254.169.254/' }, /answers 302/],
    ['no JSON', { status: 200, body: '<html>' }, /jwks_url: the keys cannot be loaded/],
    ['no keys', { status: 200, body: '{}' }, /jwks_url: the keys cannot be loaded/],
  ])('does not start where the issuer publishes %s', async (_case, published, said) => {
    answer = published
    await expect(serve(settings)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(said),
    })
  })
})
