// How the handlers of a new project are tested: for each language its library, and how a project reaches that.

import { join } from 'node:path'
import { packageRoot } from '../config/package-root.ts'
import type { RuntimeName } from '../model/handler.ts'
import { shellWord } from '../model/shell-word.ts'

const texts: Readonly<Record<RuntimeName, readonly string[]>> = {
  typescript: [
    `TypeScript: \`npm install --save-dev --ignore-scripts vitest ${shipped('')}\` once, then \`npx vitest run\`, which takes \`*.test.ts\`.`,
    library('stephost/testing', 'typescript'),
  ],
  python: [
    'Python: `python3 -m venv .venv && .venv/bin/pip install pytest msgpack` once,',
    `then \`PYTHONPATH=handlers:${shipped('runtimes/python/src')} .venv/bin/pytest tests\`.`,
    library('stephost.testing', 'python'),
  ],
  ruby: [
    'Ruby: `gem install rspec` once,',
    `then \`rspec -I handlers -I ${shipped('runtimes/ruby/lib')}\`, which takes \`spec/**/*_spec.rb\`.`,
    library('stephost/testing', 'ruby'),
  ],
  rust: [
    'Rust has no library for that: `stephost invoke` runs the handler; `cargo test`, in the directory of its crate, the tests of your own functions.',
  ],
}

/** A point of a list in Markdown for each language. */
export function testingText(languages: readonly RuntimeName[]): string {
  return [...new Set(languages)].map((language) => `- ${texts[language].join(' ')}\n`).join('')
}

function library(name: string, language: RuntimeName): string {
  return `Tests have \`${name}\`, with which a handler runs as in the host: ${join(packageRoot(), 'runtimes', language, 'README.md')}.`
}

function shipped(place: string): string {
  return shellWord(join(packageRoot(), place))
}
