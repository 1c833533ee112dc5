// The promise rules only: a lost promise is this program's worst bug. Everything else is Biome's.
import tseslint from 'typescript-eslint'

export default tseslint.config({
  ignores: ['test/fixtures/handlers/typescript/broken.ts'],
  files: ['src/**/*.ts', 'runtimes/typescript/**/*.ts', 'test/**/*.ts', 'handlers/**/*.ts'],
  languageOptions: { parser: tseslint.parser, parserOptions: { project: './tsconfig.test.json' } },
  plugins: { '@typescript-eslint': tseslint.plugin },
  rules: {
    '@typescript-eslint/no-floating-promises': 'error',
    '@typescript-eslint/no-misused-promises': 'error',
    '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
  },
})
