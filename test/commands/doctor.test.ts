import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkBackends, checkClock, checkFolder, checkNode, checkPort } from '../../commands/doctor.ts';
import { useFolder } from '../contracts/folder.ts';

const entry = fileURLToPath(new URL('../../cli.ts', import.meta.url));

/** The command in a process of its own: its exit code, and the lines of its stdout. */
const fedloom = (...args: string[]): Promise<{ code: number | null; out: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import=tsx', entry, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
    let out = '';
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    child.on('close', (code) => resolve({ code, out }));
  });

describe('fedloom doctor', function () {
  this.timeout(60_000);
  const folder = useFolder();

  it('gives one JSON object: backends, findings, and whether all is well', async () => {
    const { code, out } = await fedloom('doctor', '--json', '--data-dir', folder());
    const report = JSON.parse(out) as {
      ok: boolean;
      backends: { name: string; found: boolean; reason: string | null; examplesPerSecond: number | null }[];
      findings: { check: string }[];
    };
    expect(out.trim().split('\n')).to.have.length(1);
    expect(code).to.equal(0);
    expect(report.ok).to.equal(true);
    expect(report.backends.map(({ name }) => name)).to.deep.equal([
      'tfjs-node-gpu',
      'tfjs-node',
      'webgpu',
      'wasm',
      'cpu',
    ]);
    for (const { name, found, reason, examplesPerSecond } of report.backends) {
      expect(found || reason !== null, `${name} says why`).to.equal(true);
      expect(examplesPerSecond !== null, `${name} was measured`).to.equal(found);
    }
    expect(report.backends.find(({ name }) => name === 'wasm')).to.include({
      found: true,
      reason: null,
      path: 'fused',
    });
    expect(report.findings.map(({ check }) => check)).to.include.members(['node', 'backend wasm', 'data mnist-10k', 'port 8080', 'data folder', 'clock']); // prettier-ignore
  });

  it('says of each backend how fast it is, or why it is not used; only a machine without any cannot run Fedloom', () => {
    const refused = {
      found: false,
      adapter: null,
      path: null,
      reason: 'backend tfjs-node: not installed',
      examplesPerSecond: null,
    };
    const wasm = {
      name: 'wasm',
      found: true,
      adapter: null,
      path: 'fused',
      reason: null,
      examplesPerSecond: 20_000,
    } as const;
    const gpu = { ...wasm, name: 'webgpu', adapter: 'Some card', path: 'graph' } as const;
    const speed = 'trains 20000 examples of mnist-2nn a second, in batches of 10';
    expect(checkBackends([{ ...refused, name: 'tfjs-node' }, gpu, wasm])).to.deep.equal([
      { check: 'backend tfjs-node', state: 'unused', message: 'not installed' },
      { check: 'backend webgpu', state: 'ok', message: `${speed} (Some card)` },
      { check: 'backend wasm', state: 'ok', message: `${speed} (fused kernels)` },
    ]);
    expect(checkBackends([{ ...gpu, reason: 'slower than wasm' }, wasm])[0]).to.include({ state: 'unused', message: 'slower than wasm' }); // prettier-ignore
    expect(
      checkBackends([
        { ...refused, name: 'wasm' },
        { ...wasm, name: 'cpu' },
      ])[0],
    ).to.include({ state: 'warning' });
    expect(
      checkBackends([
        { ...refused, name: 'wasm' },
        { ...refused, name: 'cpu' },
      ])[1],
    ).to.include({ state: 'failed' });
  });

  it('ends with code 1 when the data folder cannot be written', async () => {
    await writeFile(join(folder(), 'file'), '');
    const { code, out } = await fedloom('doctor', '--json', '--data-dir', join(folder(), 'file'));
    expect(code).to.equal(1);
    expect((JSON.parse(out) as { ok: boolean }).ok).to.equal(false);
  });

  it('wants Node 20.19 or newer', () => {
    expect(['18.20.0', '20.18.9', '20.19.0', '22.0.0'].map((version) => checkNode(version).state)).to.deep.equal([
      'failed',
      'failed',
      'ok',
      'ok',
    ]);
  });

  it('tells whether a port is free', async () => {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    expect(await checkPort(port)).to.include({ state: 'warning' });
    await new Promise((closed) => server.close(closed));
    expect(await checkPort(port)).to.include({ state: 'ok' });
  });

  it('accepts a folder that is still to be made, and refuses a file in its place', async () => {
    expect((await checkFolder(join(folder(), 'a', 'b'))).state).not.to.equal('failed');
    await writeFile(join(folder(), 'file'), '');
    expect((await checkFolder(join(folder(), 'file'))).state).to.equal('failed');
  });

  it('doubts a clock that stands in another age', () => {
    expect(checkClock(0).state).to.equal('failed');
    expect(checkClock(Date.UTC(2026, 5, 1)).state).to.equal('ok');
  });
});

describe('fedloom data ls', function () {
  this.timeout(60_000);

  it('gives one JSON object with every known set, its licence, and where it is or what to do', async () => {
    const { code, out } = await fedloom('data', 'ls', '--json');
    expect(code).to.equal(0);
    const { dataSets } = JSON.parse(out) as {
      dataSets: { name: string; licence: string; path: string | null; advice: string | null }[];
    };
    expect(dataSets.map(({ name }) => name)).to.deep.equal([
      'mnist-10k',
      'mnist-60k',
      'fashion-mnist',
      'shakespeare',
      'shakespeare-roles',
      'beijing-air',
      'wisdm',
      'heart-disease',
      'adult',
      'sentiment',
      'synthetic:iid',
      'synthetic:0,0',
      'synthetic:0.5,0.5',
      'synthetic:1,1',
    ]);
    for (const { licence, path, advice } of dataSets) {
      expect(licence).not.to.equal('');
      expect((path === null) !== (advice === null)).to.equal(true);
    }
  });
});
