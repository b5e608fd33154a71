import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import pino from 'pino';
import { nodePlatform } from '../../client/node/platform.ts';
import type { Log } from '../../server/host.ts';
import { toBase64Url, toHex } from '../../shared/bytes.ts';
import { nativePrimitives } from '../../shared/crypto/native.ts';
import type { ClientPlatform } from '../../client/platform.ts';
import * as crypto from 'node:crypto';
import { Federation, tinyConfig } from '../helpers/federation.ts';
import { RawClient } from '../helpers/raw-client.ts';

/** What must stay where it is: tokens, join code, seeds, session keys. In each form in which it could be written. */
class Vault {
  readonly forms = new Map<string, string>();

  text(name: string, secret: string): void {
    this.forms.set(name, secret);
  }

  bytes(name: string, secret: Uint8Array): void {
    const copy = Buffer.from(secret);
    for (const [form, text] of [
      ['hex', toHex(copy)],
      ['base64', copy.toString('base64').replace(/=+$/, '')],
      ['base64url', toBase64Url(copy)],
      ['numbers', [...copy].join(',')],
    ] as const) {
      this.forms.set(`${name} as ${form}`, text);
    }
  }

  in(text: string): string[] {
    return [...this.forms].filter(([, secret]) => text.includes(secret)).map(([name]) => name);
  }
}

describe('what a federation says aloud', () => {
  it('holds no token, code, seed or key: not its logs at the finest level, events, metrics, errors, or lines for people', async () => {
    const lines: string[] = [];
    const target = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
    const levels = ['debug', 'info', 'warn', 'error'] as const;
    const log = Object.fromEntries(
      levels.map((level) => [level, (data: object, message: string) => target[level](data, message)]),
    ) as unknown as Log;
    const vault = new Vault();
    const federation = await Federation.open({ log, limits: { rejoinGrace: 50 } });
    const said: string[] = [];
    try {
      const { server, dataDir } = federation;
      vault.text('admin token', server.adminToken);
      vault.text('viewer token', server.viewerToken);
      vault.text('join code', server.joinCode);
      vault.text('join code in one', server.joinCode.replaceAll('-', ''));
      for (const name of ['server.key', 'token.key']) vault.bytes(name, await readFile(join(dataDir, name)));
      // Session keys are what HKDF gives; the seed of an identity is the first that the platform draws.
      const primitives = nativePrimitives(crypto);
      const platform = (): ClientPlatform => {
        const node = nodePlatform({});
        let drawn = 0;
        return {
          ...node,
          primitives: {
            ...primitives,
            hkdf: (...given) => {
              const key = primitives.hkdf(...given);
              vault.bytes(`key ${vault.forms.size}`, key);
              return key;
            },
          },
          randomBytes: (length) => {
            const bytes = node.randomBytes(length);
            if (length >= 32 && drawn++ < 3) vault.bytes(`drawn ${vault.forms.size}`, bytes);
            return bytes;
          },
        };
      };
      await server.operations.create(tinyConfig({ rounds: 2, secureAggregation: undefined }));
      const clients = [1, 2, 3].map((seed) => federation.join({ seed, platform: platform() }));
      for (const { client } of clients) {
        for (const type of ['state', 'problem']) {
          client.addEventListener(type, (event) => said.push(JSON.stringify((event as CustomEvent).detail)));
        }
      }
      // Those that are refused are the ones that logs tell about.
      const late = await RawClient.connect(server.joinLink);
      await late.shakeHands((auth) => ({ ...auth, joinProof: new Uint8Array(32) }));
      await late.closed;
      for (const token of [server.adminToken.slice(1), 'x']) {
        const answer = await fetch(`${server.url}/api/runs?token=${server.viewerToken}`, {
          headers: { Authorization: `Bearer ${token}` },
        });
        said.push(await answer.text());
      }
      const asViewer = { headers: { Authorization: `Bearer ${server.viewerToken}` } };
      for (const path of ['runs', 'clients', 'server', 'events/recent'])
        said.push(await (await fetch(`${server.url}/api/${path}`, asViewer)).text());
      await Promise.all(clients.map(({ done }) => done));
      said.push(await (await fetch(`${server.url}/metrics`, asViewer)).text());
      said.push(...federation.events.map((event) => JSON.stringify(event)));
      await server.close();
      for (const name of await readdir(dataDir, { recursive: true })) {
        if (/\.jsonl?$/.test(name)) said.push(await readFile(join(dataDir, name), 'utf8'));
      }
      await federation.restart();
    } finally {
      await federation.close();
    }
    expect(vault.forms.size, 'secrets that are looked for').to.be.above(60);
    expect(lines.length, 'lines of the log').to.be.above(0);
    expect(said.length).to.be.above(30);
    for (const text of [...lines, ...said]) expect(vault.in(text), text.slice(0, 300)).to.deep.equal([]);
    expect(vault.in(`a line with ${vault.forms.get('server.key as hex')} in it`), 'the search finds').to.have.length(1);
  }).timeout(60_000);
});

describe('the packages that run', () => {
  const root = new URL('../../', import.meta.url);
  const read = (path: string) => JSON.parse(readFileSync(new URL(path, root), 'utf8')) as Record<string, never>;
  const { dependencies, optionalDependencies } = read('package.json') as unknown as Record<
    string,
    Record<string, string>
  >;
  const atLeast = (found: string, floor: string): boolean => {
    const [a, b] = [found, floor].map((each) => each.split('.').map(Number)) as [number[], number[]];
    const first = a.findIndex((part, i) => part !== b[i]);
    return first < 0 || a[first]! > b[first]!;
  };

  it('are these and no others, each at one version', () => {
    expect(Object.keys(dependencies!).toSorted()).to.deep.equal([
      '@noble/hashes', '@tensorflow/tfjs-backend-cpu', '@tensorflow/tfjs-backend-wasm', '@tensorflow/tfjs-core',
      '@tensorflow/tfjs-layers', 'commander', 'express', 'express-rate-limit', 'helmet', 'idb', 'libsql', 'papaparse', 'pino',
      'prom-client', 'tweetnacl', 'valibot', 'ws', 'yaml',
    ]); // prettier-ignore
    expect(Object.keys(optionalDependencies!)).to.deep.equal(['bufferutil']);
    for (const [name, version] of Object.entries({ ...dependencies, ...optionalDependencies }))
      expect(version, name).to.match(/^\d+\.\d+\.\d+$/);
  });

  it('are not older than the last fault that was found in them', () => {
    // Advisories: ws CVE-2026-48779 and CVE-2026-62389, express CVE-2024-43796, yaml CVE-2023-2251, tweetnacl: none.
    const floors: Record<string, string> = { ws: '8.21.1', express: '4.20.0', yaml: '2.2.2' };
    for (const [name, floor] of Object.entries(floors)) {
      expect(atLeast(dependencies![name]!, floor), `${name} in package.json`).to.equal(true);
      const { version } = read(`node_modules/${name}/package.json`) as unknown as { version: string };
      expect(atLeast(version, floor), `${name} ${version} as installed`).to.equal(true);
    }
    expect([atLeast('8.21.0', '8.21.1'), atLeast('8.9.9', '8.21.1'), atLeast('9.0.0', '8.21.1')]).to.deep.equal([
      false,
      false,
      true,
    ]);
  });

  it('hold no general decoder of msgpack: untrusted bytes meet our own reader only', () => {
    expect(dependencies).not.to.have.property('msgpackr');
  });
});
