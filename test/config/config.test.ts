// The configuration: layers, variables, and every refusal with file, key, value and what is allowed.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/config.ts'
import { settingEntries } from '../../src/config/schema.ts'
import { readSettingsFile } from '../../src/config/settings-file.ts'
import { HostError } from '../../src/model/host-error.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'stephost-config-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

function fileWith(text: string): string {
  const file = join(directory, 'site.toml')
  writeFileSync(file, text)
  return file
}

function load(text: string, environment: NodeJS.ProcessEnv = {}) {
  return loadConfig({ file: fileWith(text), environment })
}

function refusal(text: string, environment: NodeJS.ProcessEnv = {}): string {
  try {
    load(text, environment)
  } catch (error) {
    if (error instanceof HostError && error.code === 'CONFIG_INVALID') return error.message
    throw error
  }
  throw new Error('the configuration was accepted')
}

describe('the layers', () => {
  it('states every key in the base files', () => {
    const base = ['common', 'worker', 'orchestration'].map((name) => `config/tasker/base/${name}.toml`)
    const stated = base.flatMap((file) => readSettingsFile(file, {})).map(({ key }) => key)
    expect(settingEntries.map(({ key }) => key).filter((key) => !stated.includes(key))).toEqual([])
  })

  it('gives loopback, the embedded server and the worker of Tasker by default', () => {
    const config = loadConfig({ environment: {} })
    expect(config.environment).toBe('development')
    expect(config.database).toMatchObject({ url: null, connectionsMax: 25, acquireTimeoutMs: 10_000 })
    expect(config.worker).toMatchObject({ deploymentMode: 'Hybrid', handlersMax: 10, handlerTimeoutMs: 30_000 })
    expect(config.worker.web.address).toEqual({ host: '127.0.0.1', port: 8081 })
    expect(config.orchestration.web.address).toEqual({ host: '127.0.0.1', port: 8080 })
    expect(config.orchestration.grpc.address).toEqual({ host: '127.0.0.1', port: 9190 })
    expect(config.dispatch).toMatchObject({ leaseMs: 15_000, foreignRetryMs: 1000 })
    expect(config.queues).toMatchObject({ onClaim: 'archive', stepResults: 'orchestration_step_results' })
    expect(config.templatePath).toBeNull()
    expect(config.templateEnvironment).toBeNull()
    expect(config.orchestration).toMatchObject({
      ...{ inputSchemaCheck: 'warn', history: 'full', decisionsEnabled: true, batchesEnabled: true },
      ...{ decisionStepsMax: 100, decisionDepthMax: 20, decisionStepsWarn: 50, decisionDepthWarn: 10 },
    })
  })

  it('takes the environment from the option, then from TASKER_ENV', () => {
    expect(loadConfig({ environment: { TASKER_ENV: 'production' } }).worker.handlersMax).toBe(50)
    const test = loadConfig({ env: 'test', environment: { TASKER_ENV: 'production' } })
    expect(test.worker.handlersMax).toBe(5)
    expect(test.backoff).toMatchObject({ ladderS: [1, 2, 4], delayMaxS: 10 })
  })

  it('reads circuit breakers, also under the other name that Tasker has for messaging', () => {
    const { breakers } = load(`[common.circuit_breakers.default_config]
      timeout_seconds = 30
      [common.circuit_breakers.component_configs.pgmq]
      failure_threshold = 7
      [common.circuit_breakers.component_configs.cache]
      failure_threshold = 5`)
    expect(breakers.messaging).toEqual({
      failureThreshold: 7,
      successThreshold: 2,
      openMs: 30_000,
      changeIntervalMinMs: 1_000,
    })
    expect(breakers.taskReadiness).toMatchObject({ failureThreshold: 10, successThreshold: 3 })
  })

  it('puts the file above the environment and variables above the file', () => {
    const text =
      '[worker.web]\nbind_address = "0.0.0.0:9000"\n[worker.mpsc_channels.handler_dispatch]\nmax_concurrent_handlers = 3'
    expect(load(text, { TASKER_ENV: 'test' }).worker).toMatchObject({
      handlersMax: 3,
      web: { address: { host: '0.0.0.0', port: 9000 } },
    })
    const web = load(text, { TASKER_WEB_BIND_ADDRESS: '[::1]:7000', DATABASE_URL: '' }).worker.web
    expect(web.address).toEqual({ host: '::1', port: 7000 })
  })

  it('reads DATABASE_URL, TASKER_TEMPLATE_PATH and TASKER_CONFIG_PATH', () => {
    const environment = {
      DATABASE_URL: 'postgres://me:secret@db/tasker',
      TASKER_TEMPLATE_PATH: '/srv/templates',
      TASKER_CONFIG_PATH: fileWith('[dispatch]\nprefetch_max = 0'),
    }
    const config = loadConfig({ environment })
    expect(config.database.url).toBe('postgres://me:secret@db/tasker')
    expect(config.templatePath).toBe('/srv/templates')
    expect(config.dispatch.prefetchMax).toBe(0)
  })

  it('substitutes variables, escaped, and their defaults', () => {
    const text = `[runtimes.ruby]\ncommand = "\${RUBY:-ruby3.1}"\n[dispatch]\nprefetch_max = \${PREFETCH:-4}`
    expect(load(text)).toMatchObject({ runtimes: { ruby: { command: 'ruby3.1' } }, dispatch: { prefetchMax: 4 } })
    const config = load(text, { RUBY: 'C:\\"ruby"', PREFETCH: '7' })
    expect(config).toMatchObject({ runtimes: { ruby: { command: 'C:\\"ruby"' } }, dispatch: { prefetchMax: 7 } })
  })

  it('is frozen to the leaves', () => {
    expect(Object.isFrozen(load('[runtimes.env]\npass = ["STRIPE_MODE"]').runtimes.envPass)).toBe(true)
  })

  it('reads the language of a namespace', () => {
    expect(load('[runtimes.namespaces]\nbilling = "python"').runtimes.namespaces).toEqual({ billing: 'python' })
  })

  it('gives the sidecars their defaults: a process per core, a thread per call, and no recycling', () => {
    const { ignore, reload, ruby, python, sidecars } = loadConfig({ environment: {} }).runtimes
    expect({ ignore, reload }).toEqual({ ignore: [], reload: false })
    const language = { processes: availableParallelism(), inFlightMax: 16, threads: 16 }
    expect(ruby).toEqual({ command: 'ruby', ...language })
    expect(python).toEqual({ interpreter: null, ...language })
    expect(sidecars).toEqual({
      silenceMaxMs: 10_000,
      logLinesPerSecondMax: 1000,
      startTimeoutMs: 30_000,
      recycle: { callsMax: null, rssSoftMaxBytes: null, rssHardMaxBytes: null, idleMaxMs: null },
    })
  })

  it('reads what the sidecars are told to do', () => {
    const text = `
      [runtimes]
      ignore = ["drafts", "*_old.py"]
      reload = true
      [runtimes.python]
      processes = 3
      in_flight_max = 8
      threads = 4
      [runtimes.sidecars]
      recycle_calls_max = 500
      recycle_rss_soft_max_mb = 256
      recycle_rss_hard_max_mb = 512
      idle_max_s = 60`
    const { ignore, reload, python, sidecars } = load(text).runtimes
    expect({ ignore, reload }).toEqual({ ignore: ['drafts', '*_old.py'], reload: true })
    expect(python).toMatchObject({ processes: 3, inFlightMax: 8, threads: 4 })
    const mb = 1024 * 1024
    expect(sidecars.recycle).toEqual({
      callsMax: 500,
      rssSoftMaxBytes: 256 * mb,
      rssHardMaxBytes: 512 * mb,
      idleMaxMs: 60_000,
    })
  })

  it("accepts Tasker's other keys and its documentation tables", () => {
    const text = [
      '[worker.mpsc_channels.ffi_dispatch]\ndispatch_buffer_size = 1000',
      '[common.cache._docs.enabled]\ndescription = "switch"',
      '[worker.grpc]\nbind_address = "0.0.0.0:9191"',
      `[common.cache.redis]\nurl = "\${REDIS_URL}"`,
    ]
    expect(load(text.join('\n')).worker.handlersMax).toBe(10)
  })
})

describe('a refusal', () => {
  it('says that gRPC has no TLS of its own, rather than to serve plain text where TLS is asked for', () => {
    expect(refusal('[orchestration.grpc]\ntls_enabled = true')).toContain(
      'must be false: TLS ends in front of stephost',
    )
  })

  it('names file, key, value and the nearest key', () => {
    expect(refusal('[dispatch]\nlease_sm = 5')).toBe(
      `${join(directory, 'site.toml')}: dispatch.lease_sm = 5: unknown key (did you mean "dispatch.lease_ms"?)`,
    )
    expect(refusal('[runtimes.smalltalk]\nimage = "pharo"')).toContain(
      'known in runtimes: ignore, reload, ruby, python, sidecars, typescript, rust, env',
    )
  })

  it('names file, key, value and what is allowed', () => {
    expect(refusal('[worker.mpsc_channels.handler_dispatch]\nmax_concurrent_handlers = 0')).toBe(
      `${join(directory, 'site.toml')}: worker.mpsc_channels.handler_dispatch.max_concurrent_handlers = 0: must be an integer from 1 to 10000`,
    )
    expect(refusal('[queues.pgmq]\non_claim = "keep"')).toContain('= "keep": must be one of "archive", "delete"')
    expect(refusal('[runtimes.namespaces]\nbilling = "perl"')).toContain('runtimes.namespaces."billing" = "perl"')
    expect(refusal('dispatch = 5')).toContain('dispatch = 5: unknown key')
  })

  it('names the variable when the value came from one, and keeps passwords out', () => {
    expect(refusal('', { TASKER_WEB_BIND_ADDRESS: 'nowhere' })).toContain(
      'environment variable TASKER_WEB_BIND_ADDRESS (worker.web.bind_address) = "nowhere": must be host:port',
    )
    const message = refusal('', { DATABASE_URL: 'mysql://me:secret@db/tasker' })
    expect(message).toContain('DATABASE_URL')
    expect(message).not.toContain('secret')
  })

  it('lists all problems at once', () => {
    expect(refusal('[dispatch]\nlease_ms = 1\nprefetch_max = -1\nfoo = 1').split('\n')).toHaveLength(3)
  })

  it('names the place of a syntax error', () => {
    expect(refusal('[dispatch]\nlease_ms = = 5')).toContain('site.toml:2:')
  })

  it('names a variable that is not set', () => {
    expect(refusal(`[runtimes.ruby]\ncommand = "\${MY_RUBY}"`)).toContain('the variable MY_RUBY is not set')
  })

  it('knows the cache of Tasker’s server only where it is enabled', () => {
    expect(loadConfig({ environment: {} }).templateCache).toBeNull()
    expect(refusal('[common.cache]\ntemplate_ttl_seconds = 0')).toContain('must be an integer from 1 to 86400')
  })

  it('keeps figures where there is a cache, and says from when on queues are too deep', () => {
    const depths = '[common.queues.pgmq.queue_depth_thresholds]'
    expect(loadConfig({ environment: {} })).toMatchObject({
      ...{ figuresKeptMs: null, queues: { depthLimits: { queueDepthCritical: 5000, queueDepthOverflow: 10_000 } } },
    })
    const text = `[common.cache]\nenabled = true\nanalytics_ttl_seconds = 7\n${depths}\ncritical_threshold = 8\noverflow_threshold = 9`
    expect(load(text)).toMatchObject({
      ...{ figuresKeptMs: 7000, queues: { depthLimits: { queueDepthCritical: 8, queueDepthOverflow: 9 } } },
    })
    expect(refusal(`${depths}\noverflow_threshold = 4999`)).toContain('must not be below critical_threshold (5000)')
    expect(refusal('[common.cache]\nanalytics_ttl_seconds = 0')).toContain('must be an integer from 1 to 3600')
  })

  it('takes a database of the queues alone, and RabbitMQ, and says where they do not fit', () => {
    const databases = { DATABASE_URL: 'postgresql://steps/db', PGMQ_DATABASE_URL: 'postgresql://queues/db' }
    expect(loadConfig({ environment: databases }).queues.databaseUrl).toBe('postgresql://queues/db')
    const same = { ...databases, PGMQ_DATABASE_URL: databases.DATABASE_URL }
    expect(loadConfig({ environment: same }).queues.databaseUrl).toBeNull()
    const broker = { TASKER_MESSAGING_BACKEND: 'rabbitmq', RABBITMQ_URL: 'amqps://host/%2F' }
    expect(loadConfig({ environment: broker }).queues).toMatchObject({
      backend: 'rabbitmq',
      rabbitmq: { url: 'amqps://host/%2F', prefetchMax: 100, heartbeatS: 30 },
    })
    const polling = '[worker.event_systems.worker]\ndeployment_mode = "PollingOnly"'
    expect(refusal(polling, broker)).toContain('RabbitMQ (common.queues.backend, TASKER_MESSAGING_BACKEND) only pushes')
    const secret = refusal('', { ...broker, RABBITMQ_URL: 'http://user:secret@host' })
    expect(secret).toContain('amqp://user:password@host:port/vhost')
    expect(secret).not.toContain('secret@')
  })

  it('names unknown environments and files', () => {
    expect(() => loadConfig({ env: 'prodution', environment: {} })).toThrow('did you mean "production"?')
    expect(() => loadConfig({ file: '/nowhere/site.toml', environment: {} })).toThrow('/nowhere/site.toml')
  })

  it('holds the rules between keys', () => {
    expect(refusal('[dispatch]\nheartbeat_ms = 8000')).toContain('at most half of dispatch.lease_ms (15000)')
    expect(refusal('', { PGMQ_DATABASE_URL: 'postgresql://other/queues' })).toContain('PGMQ_DATABASE_URL')
    expect(refusal('[runtimes.ruby]\nthreads = 17')).toContain(
      'runtimes.ruby.threads = 17: must not be above runtimes.ruby.in_flight_max (16)',
    )
    const upsideDown = 'recycle_rss_soft_max_mb = 200\nrecycle_rss_hard_max_mb = 100'
    expect(refusal(`[runtimes.sidecars]\n${upsideDown}`)).toContain('must be below recycle_rss_hard_max_mb (100)')
  })

  it('takes names for what is not loaded, never paths', () => {
    expect(refusal('[runtimes]\nignore = ["drafts/old"]')).toBe(
      `${join(directory, 'site.toml')}: runtimes.ignore = ["drafts/old"]: must be a list of names of files or directories, without a slash; * and ? may stand in them`,
    )
    expect(refusal('[runtimes]\nignore = "drafts"')).toContain('must be a list of names')
    expect(refusal('[runtimes.sidecars]\nidle_max = 3')).toContain('did you mean "runtimes.sidecars.idle_max_s"?')
    expect(refusal('[runtimes.python]\nprocesses = -1')).toContain('must be an integer from 0 to 256')
  })
})

describe('authentication', () => {
  it('is off, and reads keys from files and variables', () => {
    expect(loadConfig({ environment: {} }).orchestration.web.auth).toMatchObject({
      ...{ table: 'orchestration.web.auth', enabled: false, issuer: 'tasker-core', publicKey: null, apiKeys: [] },
    })
    const { auth } = load(
      `[orchestration.web.auth]
       enabled = true
       api_key = "0123456789abcdef"
       api_keys_enabled = true
       api_keys = [{ key = "another-key-of-ours", permissions = ["tasks:read"] }]`,
      { TASKER_JWT_PUBLIC_KEY: 'line\nline' },
    ).orchestration.web
    expect(auth).toMatchObject({ enabled: true, publicKey: 'line\nline' })
    expect(auth.apiKeys).toEqual([
      { key: '0123456789abcdef', permissions: expect.arrayContaining(['tasks:*', 'dlq:*']), description: 'api_key' },
      { key: 'another-key-of-ours', permissions: ['tasks:read'], description: '' },
    ])
  })

  it.each([
    ['', /enabled: nobody could come in; set jwt_public_key/],
    ['jwt_verification_method = "jwks"', /jwks_url: must be set/],
    ['jwt_verification_method = "jwks"\njwks_url = "http://issuer/"', /jwks_url: is plain HTTP/],
    ['jwt_verification_method = "jwks"\njwks_url = "ftp://issuer/"', /jwks_url: must be an https/],
    ['jwt_verification_method = "magic"', /must be one of "public_key", "jwks"/],
    ['jwt_allowed_algorithms = ["HS256"]', /must be a list, not empty, of RS256/],
    ['api_key = "short"', /api_key: must have 16 to 512/],
    ['api_key_header = "Authorization"', /other than Authorization/],
    [
      'api_keys_enabled = true\napi_keys = [{ key = "0123456789abcdef", permissions = ["*"] }]',
      /there is no permission "\*"/,
    ],
    ['api_keys = [{ key = "0123456789abcdef", permission = ["tasks:read"] }]', /must be a list of \{ key/],
    ['api_kys = []', /unknown key/],
  ])('refuses %j', (lines, said) => {
    expect(refusal(`[worker.web.auth]\nenabled = true\n${lines}`)).toMatch(said)
  })

  it('shows no key in a refusal', () => {
    expect(refusal('[worker.web.auth]\napi_keys = [{ key = "my secret" }]')).not.toContain('my secret')
    expect(refusal('[worker.web.auth]\napi_key = 5')).toContain('(not shown)')
  })
})
