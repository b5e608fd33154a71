import { expect } from 'chai';
import { explain } from '../../../../shared/engine/backends/explain.ts';
import { importModule, isNotInstalled } from '../../../../shared/engine/backends/import-module.ts';
import { autoOrder, backendNames, isAccelerator, isBackendName } from '../../../../shared/engine/backends/names.ts';
import { isSoftwareRenderer } from '../../../../shared/engine/backends/software.ts';
import { withinTime } from '../../../../shared/engine/backends/time-limit.ts';
import { FederatedError } from '../../../../shared/errors.ts';
import { refuses } from '../../../contracts/store.ts';

describe('the names of the backends', () => {
  it('are all tried by auto in one runtime or the other, with wasm and cpu last in both', () => {
    expect(new Set(Object.values(autoOrder).flat())).to.deep.equal(new Set(backendNames));
    for (const order of Object.values(autoOrder)) {
      expect(order.slice(-2)).to.deep.equal(['wasm', 'cpu']);
      expect(order.slice(0, -2).every(isAccelerator)).to.equal(true);
    }
    expect(['wasm', 'auto', 'tensorflow', '__proto__'].map(isBackendName)).to.deep.equal([true, false, false, false]);
  });
});

describe('a software renderer', () => {
  it('is known by the names that browsers and drivers give', () => {
    // As read from WEBGL_debug_renderer_info and GPUAdapterInfo.
    const software = [
      'ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero) (0x0000C0DE)), SwiftShader driver)',
      'llvmpipe (LLVM 15.0.6, 256 bits)',
      'ANGLE (Mesa, llvmpipe (LLVM 15.0.6 256 bits), OpenGL 4.5)',
      'ANGLE (Microsoft, Microsoft Basic Render Driver (0x0000008C) Direct3D11 vs_5_0 ps_5_0, D3D11)',
      'softpipe',
      'Apple Software Renderer',
    ];
    const hardware = [
      'ANGLE (NVIDIA, NVIDIA GeForce RTX 3060 (0x00002504) Direct3D11 vs_5_0 ps_5_0, D3D11)',
      'ANGLE (Apple, ANGLE Metal Renderer: Apple M1, Unspecified Version)',
      'Mesa Intel(R) UHD Graphics 620 (KBL GT2)',
      'Adreno (TM) 640',
      'Mali-G78',
      'Apple GPU',
      'WebKit WebGL',
      '',
    ];
    expect(software.filter((name) => !isSoftwareRenderer(name))).to.deep.equal([]);
    expect(hardware.filter(isSoftwareRenderer)).to.deep.equal([]);
  });
});

describe('the reason of a refusal', () => {
  it('is one line of what was thrown, with advice where the trouble is known', () => {
    expect(explain(new Error('first\nsecond'))).to.equal('first');
    expect(explain(new FederatedError('NO_BACKEND', 'as it stands'))).to.equal('as it stands');
    expect(explain(new Error(''))).to.equal('it failed without saying why');
    expect(explain(new Error('x'.repeat(10_000)))).to.have.length(300);
    for (const thrown of [undefined, null, 7, 'word', Symbol('s'), { a: 1 }]) expect(explain(thrown)).not.to.equal('');
    expect(explain(new Error("/lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found"))).to.match(/too old/);
    expect(explain(new TypeError('(0 , util_1.isNullOrUndefined) is not a function'))).to.match(/Node 23/);
    expect(explain(new Error('libcudnn.so.8: cannot open shared object file'))).to.match(/cuDNN 8\.1/);
  });
});

describe('the import of an optional package', () => {
  it('says which package to install when it is not there', async () => {
    await refuses(importModule('@tensorflow/tfjs-none'), 'NO_BACKEND');
    const reason = await importModule('@tensorflow/tfjs-none').catch((error: unknown) => explain(error));
    expect(reason).to.equal(
      'the package @tensorflow/tfjs-none is not installed; run npm install @tensorflow/tfjs-none',
    );
  });

  it('gives the package when it is there', async () => {
    expect(await importModule('tweetnacl')).to.have.property('default');
  });

  it('takes a fault inside a package for what it is', () => {
    const missing = (message: string, code?: string): boolean =>
      isNotInstalled(Object.assign(new Error(message), { code }), 'a');
    expect(missing("Cannot find package 'a' imported from /x.js", 'ERR_MODULE_NOT_FOUND')).to.equal(true);
    expect(missing("Cannot find package 'b' imported from /a/index.js", 'ERR_MODULE_NOT_FOUND')).to.equal(false);
    expect(missing("Failed to resolve module specifier 'a'")).to.equal(true); // Chromium
    expect(missing('The specifier “a” was a bare specifier', 'x')).to.equal(false);
    expect(missing("something about 'a'")).to.equal(false);
    expect(isNotInstalled('a', 'a')).to.equal(false);
  });
});

describe('a limit of time', () => {
  it('gives what comes within it, and what goes wrong within it', async () => {
    expect(await withinTime(Promise.resolve(7), 60_000, 'counting')).to.equal(7);
    const late = await withinTime(Promise.reject(new Error('lost')), 60_000, 'counting').catch(String);
    expect(late).to.equal('Error: lost');
  });

  it('refuses what takes longer', async () => {
    await refuses(withinTime(new Promise(() => {}), 1, 'waiting'), 'NO_BACKEND');
  });
});
