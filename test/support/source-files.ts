import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A source file and what it imports. */
export interface SourceFile {
  /** From the root of the repository, with `/`: `src/base/clock.ts`. */
  readonly path: string;
  readonly lines: number;
  /** Module names as written, in order: `./clock.ts`, `node:net`, `zod`. */
  readonly imports: readonly string[];
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The TypeScript files below some folders of the repository; a folder that is not there has none. */
export function sourceFiles(...folders: readonly string[]): readonly SourceFile[] {
  return folders.flatMap((folder) =>
    filesBelow(join(root, folder))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => sourceFile(relative(root, file).split(sep).join('/'), readFileSync(file, 'utf8'))),
  );
}

/** A source file from its text. */
export function sourceFile(path: string, text: string): SourceFile {
  return { path, lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0), imports: importsOf(text) };
}

/** What `path` names when it is imported by `from`: a path from the root of the repository. Relative names only. */
export function resolveImport(from: string, path: string): string {
  return new URL(path, `file:///${from}`).pathname.slice(1);
}

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** TypeScript 7 offers no parser to programs; the formatter keeps imports in these few shapes. Comments are left out. */
function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const statement =
    /^(?:import|export)\b[^;'"]*?\bfrom\s+['"]([^'"\n]+)['"]|^import\s+['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]/gm;
  return [...code.matchAll(statement)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}
