/**
 * The program of a media worker process: carries packets as the control process says, over the connection that it finds
 * as file descriptor 3, and ends when that does. Its one argument is its setting, as JSON.
 */
import { Socket } from 'node:net';
import { SystemClock, systemRandom } from '../base/index.ts';
import { MediaSessions, openRelay, SoundLibrary, WorkerServer } from '../media/index.ts';
import { connectionDescriptor, type WorkerSetting } from './media-processes.ts';

const setting = JSON.parse(process.argv[2] ?? '') as WorkerSetting;
const clock = new SystemClock();

// A terminal's Ctrl-C reaches the whole group: the control process lets calls end first, and says when that is.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

new WorkerServer({
  stream: new Socket({ fd: connectionDescriptor }),
  clock,
  make: (log) => {
    const { relay, name } = openRelay({ clock, log, ...setting });
    const { jitter, prompts } = setting;
    const sounds = new SoundLibrary({ folder: prompts, clock, log });
    return { relay, sessions: new MediaSessions({ relay, clock, random: systemRandom, jitter, sounds, log }), name };
  },
  onClose: () => process.exit(0),
});
