// The page that shows the OpenAPI document: everything that it loads comes from the server itself, also where credentials are asked for.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RestServer } from '../../src/api/rest/rest-server.ts'
import { orchestratorRest } from '../../src/api/rest/servers.ts'
import { authOff } from '../../src/model/auth.ts'
import type { OrchestrationReads } from '../../src/model/orchestration-reads.ts'
import type { TaskService } from '../../src/model/task.ts'

let server: RestServer
beforeAll(async () => {
  server = orchestratorRest({
    // The page asks the server for nothing but its own files.
    ...{ port: 0, tasks: {} as TaskService, reads: {} as OrchestrationReads, events: { watch: () => null } },
    ...{ health: { checks: async () => ({}), info: () => ({}) }, facts: {}, onFault: () => {} },
    auth: {
      ...authOff,
      enabled: true,
      apiKeys: [{ key: 'only-key-0123456789', permissions: ['tasks:*'], description: '' }],
    },
  })
  await server.start()
})
afterAll(() => server.stop())

function get(path: string): Promise<Response> {
  return fetch(new URL(path, server.address ?? ''))
}

/** What a document loads, by the attributes that make browsers load. */
function loadedBy(html: string): readonly string[] {
  return [...html.matchAll(/<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)="([^"]+)"/g)].map(([, url = '']) => url)
}

describe('/api-docs/ui', () => {
  it.each(['/api-docs/ui', '/api-docs/ui/'])('loads with all that it needs from this server: %s', async (path) => {
    const page = await get(path)
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    const assets = loadedBy(await page.text())
    expect(assets.length).toBeGreaterThan(4)
    for (const asset of assets) {
      const url = new URL(asset, page.url)
      expect(url.origin, asset).toBe(server.address)
      const response = await get(url.pathname)
      expect([asset, response.status]).toEqual([asset, 200])
      const type = response.headers.get('content-type') ?? ''
      if (asset.endsWith('.js')) expect(type).toMatch(/^(application|text)\/javascript/)
      if (asset.endsWith('.css')) expect(type).toMatch(/^text\/css/)
      expect((await response.arrayBuffer()).byteLength, asset).toBeGreaterThan(100)
    }
  })

  it('shows the document of the server', async () => {
    const [document, shown] = [await get('/api-docs/openapi.json'), await get('/api-docs/ui/json')]
    expect([document.status, shown.status]).toEqual([200, 200])
    const { paths } = (await document.json()) as { paths: object }
    expect(Object.keys(paths)).toContain('/v1/tasks')
    expect(await shown.json()).toMatchObject({ paths })
    expect(Object.keys(paths).filter((path) => path.startsWith('/api-docs/ui'))).toEqual([])
  })

  it('may load from nowhere else, and is no way around permissions', async () => {
    const page = await get('/api-docs/ui')
    await page.text()
    const policy = page.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'self'")
    expect(policy).not.toMatch(/https?:|upgrade-insecure-requests|\*/)
    expect((await get('/v1/templates')).status).toBe(401)
    expect((await get('/api-docs/ui/static/../../../package.json')).status).toBe(404)
    expect((await get('/api-docs/ui/static/%2e%2e/index.js')).status).toBe(404)
    const other = await get('/health')
    await other.text()
    expect(other.headers.get('content-security-policy')).toBeNull()
  })
})
