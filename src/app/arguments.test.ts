import { describe, expect, test } from 'vitest';
import { parseArguments, usage } from './arguments.ts';

test('no arguments mean: run, with everything as configured', () => {
  expect(parseArguments([])).toEqual({ kind: 'run', configFile: undefined, checkConfig: false, overrides: [] });
});

test('options name the file and override keys', () => {
  expect(parseArguments(['--config', 'a.yaml', '--port=5070', '--log-level', 'debug', '--check-config'])).toEqual({
    kind: 'run',
    configFile: 'a.yaml',
    checkConfig: true,
    overrides: [
      { key: 'sip.listen_port', text: '5070', option: '--port' },
      { key: 'logging.level', text: 'debug', option: '--log-level' },
    ],
  });
});

test('of an option given twice the last counts', () => {
  expect(parseArguments(['--port', '1', '--port', '2'])).toMatchObject({ overrides: [{ text: '2' }] });
});

test.each([['--help'], ['-h']])('%s asks for the text that names every option', (option) => {
  expect(parseArguments([option, '--port'])).toEqual({ kind: 'help' });
  for (const name of ['--config', '--port', '--log-level', '--check-config', '--help', '--version'])
    expect(usage).toContain(name);
});

test('--version asks for the version', () => {
  expect(parseArguments(['--version'])).toEqual({ kind: 'version' });
});

describe('faults', () => {
  test('are all named at once', () => {
    expect(parseArguments(['--confg', 'a.yaml', '--log-level=', '--check-config=yes', '-x', '--port'])).toEqual({
      kind: 'faults',
      faults: [
        '--confg: unknown option; did you mean --config?',
        'a.yaml: not an option',
        '--log-level: needs a value',
        '--check-config: takes no value',
        '-x: unknown option; --help names those there are',
        '--port: needs a value',
      ],
    });
  });

  test('an option is not taken for the value of the one before', () => {
    expect(parseArguments(['--config', '--check-config'])).toEqual({
      kind: 'faults',
      faults: ['--config: needs a value'],
    });
  });

  test('a negative number given with = is a value, for the schema to refuse', () => {
    expect(parseArguments(['--port=-1'])).toMatchObject({ kind: 'run', overrides: [{ text: '-1' }] });
  });
});
