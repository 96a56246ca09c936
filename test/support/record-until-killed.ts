/** A program that records into the file it is told, 3.4 s of it, says so when the disk has the whole seconds, and never ends. */
import { SystemClock } from '../../src/base/index.ts';
import { Recorder } from '../../src/media/sound/recorder.ts';
import { createRecordingFile } from '../../src/media/sound/recording-file.ts';

const clock = new SystemClock();
let written = 0;
const recorder = new Recorder({
  order: { file: process.argv[2] ?? '', paused: false },
  sampleRate: 8000,
  create: async (path) => {
    const file = await createRecordingFile(path);
    return {
      ...file,
      write: async (bytes, position) => {
        await file.write(bytes, position);
        // The header is written first.
        if (++written === 4) process.stdout.write('written\n');
      },
    };
  },
  clock,
  onFailure: (reason) => process.stderr.write(`${reason}\n`),
});
const [caller, callee] = [3, 4].map((value) => new Int16Array(160).fill(value));
for (let i = 0; i < 170; i++) recorder.frame(caller ?? null, callee ?? null);
clock.after(60_000, () => {});
