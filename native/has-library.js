// node has-library.js HEADER ARCHIVE [SOURCE...]: prints 1 where the compiler has both and can link the archive, with the
// sources, into a shared object; 0 elsewhere. For the conditions of binding.gyp.
import { spawnSync } from 'node:child_process';

const [header, archive, ...sources] = process.argv.slice(2);
const whole = ['-Wl,--whole-archive', `-l:${archive}`, '-Wl,--no-whole-archive'];
const { status } = spawnSync(
  process.env.CXX ?? 'g++',
  ['-shared', '-fPIC', '-x', 'c++', '-', ...sources, '-x', 'none', ...whole, '-o', '/dev/null'],
  { input: `#include <stddef.h>\n#include <stdint.h>\n#include <${header}>\n`, stdio: ['pipe', 'ignore', 'ignore'] },
);
console.log(status === 0 ? 1 : 0);
