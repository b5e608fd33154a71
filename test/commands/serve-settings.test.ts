import { expect } from 'chai';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfigFile, runConfigFrom } from '../../commands/run-options.ts';
import { mergeServeSettings, publicKeyFrom, serveFileKeys } from '../../commands/serve-settings.ts';
import { checkRunConfig } from '../../server/config.ts';
import { useFolder } from '../contracts/folder.ts';

const codeOf = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return (error as { code: unknown }).code;
  }
  return 'nothing thrown';
};

describe('the settings of fedloom serve', () => {
  it('have defaults that keep the server on this machine', () => {
    expect(mergeServeSettings({}, {})).to.deep.equal({
      server: {
        host: '127.0.0.1',
        port: 8080,
        dataDir: './fedloom-data',
        admission: 'code',
        register: [],
        allowedOrigin: [],
        logLevel: 'warn',
        auditFileMb: 16,
        auditFiles: 8,
      },
      run: {},
    });
  });

  it('take flags over the file, and the file over the defaults', () => {
    const file = { port: 9000, host: '0.0.0.0', rounds: 20, minClients: 3 };
    const { server, run } = mergeServeSettings(file, { port: 9001, rounds: 5 });
    expect(server).to.include({ port: 9001, host: '0.0.0.0', admission: 'code' });
    expect(run).to.deep.equal({ rounds: 5, minClients: 3 });
  });

  it('refuse a value of the wrong kind, and half of TLS', () => {
    const wrong = [{ port: '8080' }, { port: 65_536 }, { host: 5 }, { admission: 'all' }, { register: [1] }, { tlsKey: 'k' }, { tlsClientCa: 'c' }]; // prettier-ignore
    for (const file of wrong) expect(codeOf(() => mergeServeSettings(file, {})), JSON.stringify(file)).to.equal('BAD_CONFIG'); // prettier-ignore
  });

  it('take one or several keys and origins', () => {
    expect(mergeServeSettings({ register: 'a', allowedOrigin: ['b', 'c'] }, {}).server).to.deep.include({
      register: ['a'],
      allowedOrigin: ['b', 'c'],
    });
  });

  it('read a public key as hex or base64url, and nothing else', () => {
    expect(publicKeyFrom('00'.repeat(31) + 'ff')).to.deep.equal(new Uint8Array([...Array<number>(31).fill(0), 255]));
    // RFC 4648: 42 sextets of zero and the last of 32 bytes, 0xff = 11 1111 11(00) over "AAA...P8"
    expect(publicKeyFrom('A'.repeat(41) + 'P8')).to.deep.equal(new Uint8Array([...Array<number>(31).fill(0), 255]));
    for (const text of ['', 'zz', '00'.repeat(31), 'A'.repeat(44)]) expect(codeOf(() => publicKeyFrom(text))).to.equal('BAD_ARGUMENT'); // prettier-ignore
  });

  describe('with a config file', () => {
    const folder = useFolder();
    const read = async (text: string): Promise<Record<string, unknown>> => {
      await writeFile(join(folder(), 'fed.yaml'), text);
      return readConfigFile(join(folder(), 'fed.yaml'), serveFileKeys);
    };

    it('give a run of the task with the changes of file and flags', async () => {
      const file = await read('task: mnist-2nn\nrounds: 20\nbatchSize: full\nroundTimeout: 90s\nlr: 0.5\n');
      const { run } = mergeServeSettings(file, { lr: 0.25 });
      const config = checkRunConfig(await runConfigFrom(run, () => 7));
      expect(config).to.include({ rounds: 20, roundTimeout: 90_000, minClients: 3, seed: 7 });
      expect(config.task.training).to.include({ batchSize: 'full', clientLearningRate: 0.25, localEpochs: 1 });
    });

    it('refuse aliases, which could make a small file large', async () => {
      let error: unknown;
      await read('a: &a [1]\nrounds: *a\n').catch((thrown: unknown) => (error = thrown));
      expect(error).to.have.property('code', 'BAD_CONFIG');
    });
  });
});
