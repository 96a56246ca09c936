import { defineConfig } from 'vitest/config';

const unit = ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'];

export default defineConfig({
  test: {
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          include: unit,
          exclude: ['test/interop/**'],
          setupFiles: ['test/support/seed.ts'],
          // Nothing here has state beyond its test, so that files can share what they import: a third of the time.
          isolate: false,
          // A machine that others use too may be slow: this is for what hangs, not for what takes long.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
    coverage: { provider: 'v8', include: ['src/**/*.ts'], exclude: ['src/**/*.test.ts'], reporter: ['text', 'html'] },
  },
});
