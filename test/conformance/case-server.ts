// The HTTP server that the table's API handlers ask: echo, any status, pages, uploads, an orchestrator's answers, and silence.

import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface CaseServer {
  readonly url: string
  stop(): Promise<void>
}

export async function startCaseServer(): Promise<CaseServer> {
  const server = createServer((request, response) => {
    void read(request).then((body) => {
      const answer = answerTo(request, body)
      if (answer === null) return
      response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
      response.end(answer.status === 204 ? undefined : JSON.stringify(answer.body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, stop: () => stop(server) }
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** null: none, ever. */
function answerTo(request: IncomingMessage, body: string): Answer | null {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const [, room = '', ...rest] = url.pathname.split('/')
  if (room === 'slow') return null
  if (room === 'echo') return { status: 200, body: echo(request, url, body) }
  if (room === 'status') return statusAnswer(Number(rest[0]), url)
  if (room === 'pages') return { status: 200, body: page(url) }
  if (room === 'upload') return { status: 200, body: form(body) }
  if (room === 'v1' && rest[0] === 'tasks') return taskAnswer(request.method ?? 'GET', url, body)
  if (['v1', 'health', 'metrics', 'config'].includes(room)) {
    return { status: 200, body: { status: 'healthy', asked: { method: request.method, path: url.pathname } } }
  }
  return { status: 404, body: { error: `no such path: ${url.pathname}` } }
}

function echo(request: IncomingMessage, url: URL, body: string): object {
  const isJson = request.headers['content-type']?.startsWith('application/json') ?? false
  return {
    method: request.method,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: request.headers,
    body: isJson && body !== '' ? JSON.parse(body) : body,
  }
}

function statusAnswer(status: number, url: URL): Answer {
  const retryAfter = url.searchParams.get('retry_after')
  const headers: Record<string, string> = retryAfter === null ? {} : { 'retry-after': retryAfter }
  return { status, body: { error: `status ${status}` }, headers }
}

const pages: Readonly<Record<string, { data: number[]; next_cursor: string | null }>> = {
  c1: { data: [1, 2], next_cursor: 'c2' },
  c2: { data: [3, 4], next_cursor: 'c3' },
  c3: { data: [5, 6], next_cursor: null },
}

function page(url: URL): object {
  return pages[url.searchParams.get('cursor') ?? 'c1'] ?? { data: [], next_cursor: null }
}

/** The parts of a multipart body, split at its own boundary line. */
function form(body: string): object {
  const boundary = body.slice(0, body.indexOf('\r\n'))
  const fields: Record<string, string> = {}
  const files: object[] = []
  for (const part of body.split(boundary).slice(1, -1)) {
    const [head = '', ...content] = part.split('\r\n\r\n')
    const value = content.join('\r\n\r\n').replace(/\r\n$/, '')
    const name = /name="([^"]*)"/.exec(head)?.[1] ?? ''
    const filename = /filename="([^"]*)"/.exec(head)?.[1]
    if (filename === undefined) fields[name] = value
    else files.push({ name, filename, size: Buffer.byteLength(value) })
  }
  return { fields, files }
}

/** As the REST of orchestration answers, with what it was asked beside it. Source: orchestration-semantics, REST. */
function taskAnswer(method: string, url: URL, body: string): Answer {
  const asked = { method, path: url.pathname, query: Object.fromEntries(url.searchParams) }
  const [, , , taskId, , stepId, audit] = url.pathname.split('/')
  if (method === 'POST') {
    const given: unknown = JSON.parse(body)
    return { status: 201, body: { task_uuid: 'task-1', status: 'pending', given, asked } }
  }
  if (taskId === undefined) return { status: 200, body: { tasks: [], pagination: { total_count: 0 }, asked } }
  if (taskId === 'missing') return { status: 404, body: { error: 'Task not found' } }
  if (method === 'DELETE') return { status: 200, body: { task_uuid: taskId, status: 'cancelled', asked } }
  if (url.pathname.endsWith('/workflow_steps') || audit !== undefined) return { status: 200, body: [{ asked }] }
  if (stepId !== undefined) return { status: 200, body: { step_uuid: stepId, asked } }
  return { status: 200, body: { task_uuid: taskId, status: 'pending', asked } }
}
