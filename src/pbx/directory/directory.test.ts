import { describe, expect, test } from 'vitest';
import { canonicalHost, Directory, type Extension, type ExtensionStore } from './index.ts';

const secretsFor = (user: string, password: string) => ({
  md5: `md5 ${user} ${password}`,
  sha256: `sha ${user} ${password}`,
});

class FakeStore implements ExtensionStore {
  readonly extensions = new Map<string, Extension>();
  async load(): Promise<readonly Extension[]> {
    return [...this.extensions.values()];
  }
  save(extension: Extension): void {
    this.extensions.set(extension.number, extension);
  }
  remove(number: string): void {
    this.extensions.delete(number);
  }
}

function setUp(store = new FakeStore()) {
  const extensions = [{ number: '1001', displayName: 'Alice', password: 'secret' }];
  const directory = new Directory({ realm: 'sip-pbx', domains: ['Example.COM'], extensions, store, secretsFor });
  return { directory, store };
}

const stored = (number: string, displayName: string | null = null): Extension => ({
  number,
  displayName,
  secrets: { md5: 'm', sha256: 's' },
});

describe('extensions', () => {
  test('come from the configuration, without their passwords', () => {
    const { directory } = setUp();
    expect(directory.extension('1001')).toEqual({
      number: '1001',
      displayName: 'Alice',
      secrets: secretsFor('1001', 'secret'),
    });
    expect(directory.extension('1002')).toBeUndefined();
  });

  test('come from the store too, where the configuration does not say otherwise', async () => {
    const store = new FakeStore();
    store.save(stored('1001', 'Mallory'));
    store.save(stored('1002', 'Bob'));
    const { directory } = setUp(store);
    await directory.load();
    expect(directory.all().map(({ displayName }) => displayName)).toEqual(['Alice', 'Bob']);
    expect(directory.secretsOf('1001')).toEqual(secretsFor('1001', 'secret'));
  });

  test('can be added, are saved and known in the next run', async () => {
    const { directory, store } = setUp();
    directory.enrol({ number: '1003', displayName: null, password: 'other' });
    expect(directory.secretsOf('1003')).toEqual(secretsFor('1003', 'other'));
    const next = setUp(store).directory;
    await next.load();
    expect(next.extension('1003')).toEqual(directory.extension('1003'));
    expect(next.remove('1003')).toBe(true);
    expect([next.extension('1003'), store.extensions.size]).toEqual([undefined, 0]);
  });

  test('of the configuration are changed there only', () => {
    const { directory, store } = setUp();
    expect(() => directory.add(stored('1001'))).toThrow('1001 is in the configuration');
    expect(directory.remove('1001')).toBe(false);
    expect(store.extensions.size).toBe(0);
  });

  test('have secrets for user names with one of our domains', () => {
    const { directory } = setUp();
    expect(directory.secretsOf('1001@sip-pbx')).toEqual(secretsFor('1001@sip-pbx', 'secret'));
    expect(directory.secretsOf('1001@elsewhere.example')).toBeUndefined();
  });
});

describe('our own hosts', () => {
  test('are realm, domains and the addresses that we listen on, in any spelling', () => {
    const { directory } = setUp();
    directory.setOwnHosts(['192.0.2.1', '2001:db8::1', 'pbx.example']);
    for (const host of [
      'sip-pbx',
      'SIP-PBX',
      'example.com',
      'Example.com.',
      '192.0.2.1',
      '2001:DB8:0:0::1',
      '[2001:db8::1]',
    ]) {
      expect(directory.isOwnHost(host), host).toBe(true);
    }
    for (const host of ['', 'pbx', '192.0.2.10', '2001:db8::2', 'example.com.evil.example']) {
      expect(directory.isOwnHost(host), host).toBe(false);
    }
  });

  test('follow the addresses when these change', () => {
    const { directory } = setUp();
    directory.setOwnHosts(['192.0.2.1']);
    directory.setOwnHosts(['192.0.2.2']);
    expect(['192.0.2.1', '192.0.2.2', 'sip-pbx'].map((host) => directory.isOwnHost(host))).toEqual([false, true, true]);
  });
});

test.each([
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:C000:0201', '192.0.2.1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['not:an:address', 'not:an:address'],
  ['PHONE.invalid', 'phone.invalid'],
])('the host %s is compared as %s', (host, canonical) => {
  expect(canonicalHost(host)).toBe(canonical);
});
