import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

/** A Chromium to test with, and what its process needs. */
export interface Chromium {
  readonly executablePath: string;
  readonly env: Readonly<Record<string, string>>;
}

const systemNames = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * The Chromium that `FEDLOOM_CHROMIUM` names, the system's, or the one inside the npm package @sparticuz/chromium (Linux on
 * x86-64), which brings the libraries that a bare system lacks. Null when there is none.
 */
export function findChromium(): Chromium | null {
  const named = process.env['FEDLOOM_CHROMIUM'];
  if (named !== undefined && named !== '') return { executablePath: named, env: {} };
  const folders = (process.env['PATH'] ?? '').split(':');
  const system = systemNames
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((path) => existsSync(path));
  if (system !== undefined) return { executablePath: system, env: {} };
  const folder = unpackedChromium();
  if (folder === null) return null;
  return { executablePath: join(folder, 'chromium'), env: { LD_LIBRARY_PATH: join(folder, 'lib') } };
}

/** What loads SwiftShader, Chromium's Vulkan in software, into a process; null where it cannot be had. */
export function softwareVulkan(): Readonly<Record<string, string>> | null {
  const folder = unpackedChromium();
  if (folder === null) return null;
  return { LD_LIBRARY_PATH: folder, VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json') };
}

/**
 * The folder of @sparticuz/chromium's files, unpacked once per version: `chromium`, its libraries in `lib`, and SwiftShader
 * with the Vulkan loader beside it.
 */
function unpackedChromium(): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  // Without a catch: where npm brings a browser, a test that has none has failed.
  const packed = join(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')), '../../bin');
  const { version } = JSON.parse(readFileSync(join(packed, '../package.json'), 'utf8')) as { version: string };
  const cache = join(packed, '../../../.cache/fedloom');
  const folder = join(cache, `chromium-${version}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(join(cache, 'unpacking-'));
  try {
    for (const name of ['al2023.tar', 'swiftshader.tar']) {
      const input = brotliDecompressSync(readFileSync(join(packed, `${name}.br`)));
      const { status, stderr } = spawnSync('tar', ['-x', '-C', fresh], { input });
      if (status !== 0) throw new Error(`tar: ${String(stderr)}`);
    }
    writeFileSync(join(fresh, 'chromium'), brotliDecompressSync(readFileSync(join(packed, 'chromium.br'))));
    chmodSync(join(fresh, 'chromium'), 0o755);
    renameSync(fresh, folder);
  } catch (thrown) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(folder)) throw thrown; // else another process was faster
  }
  return folder;
}
