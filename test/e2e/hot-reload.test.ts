// Handler files change while a worker runs: the next task sees the change, and nothing fails meanwhile.
import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { fileOf, type Language, openWatchedProject, sources, type WatchedProject } from './watched-project.ts'

const languages = ['python', 'ruby', 'typescript'] as const

let project: WatchedProject
afterEach(() => project.close(), 60_000)

/** Waits until the host has said it once more. */
async function says(part: string, act: () => void): Promise<void> {
  const count = () => project.said.filter((sentence) => sentence.includes(part)).length
  const before = count()
  act()
  await eventually(`"${part}" is said; so far: ${project.said.join(' | ')}`, () => count() > before, 20_000)
}

async function saveLive(language: Language, version: string): Promise<void> {
  const act = () => project.save(fileOf[language], sources[language](version))
  await says(`${language} handlers reloaded`, act)
}

const broken = {
  python: { text: 'class Versioned(:\n', mentions: 'versioned.py' },
  ruby: { text: 'class Versioned <\n', mentions: 'versioned.rb' },
  typescript: { text: 'class Versioned (\n', mentions: 'versioned.ts' },
} as const

describe.each(languages)('a changed %s file', (language) => {
  it('is live for the next task; one that does not load leaves the old version serving until it is mended', async () => {
    project = await openWatchedProject([language])
    expect(await project.version(language)).toBe('v1')
    // As long as before and within the same second: what an interpreter keeps of the old file must not serve.
    await saveLive(language, 'v2')
    expect(await project.version(language)).toBe('v2')

    const { text, mentions } = broken[language]
    await says(`${language} handlers not reloaded`, () => project.save(fileOf[language], text))
    expect(await project.version(language)).toBe('v2')
    expect(
      project.host
        .loadFailures()
        .map(({ file }) => file)
        .join(),
    ).toContain(mentions)
    expect(await project.runtimesHealth()).toMatchObject({
      status: 'degraded',
      message: expect.stringContaining(mentions),
    })

    await saveLive(language, 'v3')
    expect(await project.version(language)).toBe('v3')
    expect(project.host.loadFailures()).toEqual([])
    // The other processes of the language are still being replaced.
    await eventually('all is well again', async () => (await project.runtimesHealth()).status === 'healthy')
  }, 60_000)
})

describe('under load', () => {
  it('no step fails or is tried again while the files of three languages change', async () => {
    project = await openWatchedProject(languages)
    let changing = true
    const tasks: string[] = []
    const load = (async () => {
      while (changing) {
        for (const language of languages) tasks.push(await project.submit(language))
      }
    })()
    try {
      for (const version of ['v2', 'v3', 'v4']) {
        for (const language of languages) await saveLive(language, version)
      }
    } finally {
      changing = false
      await load
    }
    const ends = await Promise.all(tasks.map((taskId) => project.ended(taskId)))
    expect(ends.length).toBeGreaterThan(6)
    expect([...new Set(ends.map(({ state, steps }) => `${state} ${steps[0]?.attempts}`))]).toEqual(['complete 1'])
    for (const language of languages) expect(await project.version(language)).toBe('v4')
  }, 90_000)
})

describe('files that come and go', () => {
  it('bring their language and their callables with them', async () => {
    project = await openWatchedProject(['ruby'])
    const waiting = await project.submit('python')
    await says('python handlers loaded', () => project.save(fileOf.python, sources.python('v1')))
    expect((await project.ended(waiting)).state).toBe('complete')

    const unserved = 'callable "hot.ruby" is no handler that is loaded here'
    await says(unserved, () => project.remove(fileOf.ruby))
    expect(project.host.handlers().map(({ callable }) => callable)).toEqual(['hot.python'])
    const held = await project.submit('ruby')
    await saveLive('ruby', 'v2')
    expect((await project.ended(held)).state).toBe('complete')
  }, 60_000)
})

describe('a changed template', () => {
  const job = (version: string, callable: string, more = '') =>
    `name: python\nnamespace_name: hot\nversion: ${version}\n${more}steps:\n  - name: only\n    handler: { callable: ${callable} }\n`

  it('is registered for the next task; one that is no use leaves the template from before', async () => {
    project = await openWatchedProject(['python', 'ruby'])
    expect(await project.version('python')).toBe('v1')
    await saveLive('ruby', 'of ruby')
    const registered = 'template hot/python@1.0.0 registered'
    await says(registered, () => project.save('python.yaml', job('1.0.0', 'hot.ruby')))
    expect(await project.version('python')).toBe('of ruby')

    const broken = /python\.yaml:\d+:\d+: .*; the template from before serves$/
    project.save('python.yaml', job('1.0.0', 'hot.python', 'bogus: [\n'))
    await eventually('it is refused', () => project.said.some((sentence) => broken.test(sentence)))
    expect(await project.version('python')).toBe('of ruby')
    expect(project.host.templates.map(({ template }) => template.name)).toContain('python')

    await says(registered, () => project.save('python.yaml', job('1.0.0', 'hot.python')))
    expect(await project.version('python')).toBe('v1')
    expect(project.host.problems.filter(({ severity }) => severity === 'error')).toEqual([])
  }, 60_000)

  it('may be a new one, and be gone again without taking what is registered with it', async () => {
    project = await openWatchedProject(['python'])
    await says('template hot/python@2.0.0 registered', () => project.save('second.yaml', job('2.0.0', 'hot.python')))
    project.remove('second.yaml')
    await eventually('it is gone', () => project.host.templates.every(({ template }) => template.version === '1.0.0'))
    const stored = await project.host.tasks.createTask(project.request('python', '2.0.0'))
    expect((await project.ended(stored.taskId)).state).toBe('complete')
  }, 60_000)
})
