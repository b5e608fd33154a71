// Bundles the operator's page: `node scripts/build-dashboard.mjs FOLDER`, or `buildDashboard(folder)` from the build and the tests.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { minify } from 'vite';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'server/dashboard');

/** All files of the page together, bytes by gzip -9. */
export const maxDashboardBytes = 60_000;

/** What the MIT licence of the bundled packages asks for. */
const licences = `/*! fedloom, Apache-2.0. With, under the MIT licence: preact (c) Jason Miller;
@preact/signals (c) Preact Team; uPlot (c) Leon Sorokin; uqr (c) Anthony Fu, Project Nayuki. */`;

/**
 * Leaves out of uPlot what this page never uses, about 7 kB by gzip: dates (every x here is a number), legends, zooming, and
 * what it offers to other code (bars, splines, steps), which no bundler can tell to be unused. A text that is not found ends the build.
 */
const slimPlot = {
  name: 'slim-uplot',
  setup({ onLoad }) {
    onLoad({ filter: /uPlot\.esm\.js$/ }, ({ path }) => {
      let text = readFileSync(path, 'utf8');
      const cut = (from, to, instead) => {
        const start = text.indexOf(from);
        const end = text.indexOf(to, start);
        if (start === -1 || end === -1) throw new Error(`uPlot has changed: ${from}`);
        text = text.slice(0, start) + instead + text.slice(end);
      };
      cut('const months = [', 'const localTz', "const fmtDate = () => () => '';\n");
      cut('function genTimeStuffs(ms) {', 'const [ timeIncrsMs', 'const genTimeStuffs = () => [[], [], () => []];\n');
      cut('function timeAxisVals(', '// for when axis.values', 'const timeAxisVals = () => () => [];\n');
      // Fails where the language of the browser is no tag that Intl knows, such as en-US@posix.
      cut('const numFormatter =', 'const M = Math', 'const fmtNum = String;\n');
      cut('function initLegendRow(', 'const mouseListeners =', 'function initLegendRow() {}\n');
      cut('function setLegendValues(', 'function updateCursor(', 'function setLegendValues() {}\n');
      cut('if (select.show && dragging) {', 'drag._x = dragX;', '');
      cut('if (cursorOnePt) {\n\t\t\t\t// some', '}\n\n\t\t// nit: cursor.drag', '');
      cut('if (cursorFocus) {\n\t\t\t\tlet shouldPub', '}\n\n\t\tif (shouldSetLegend) {', '');
      cut('if (dragging) {\n\t\t\t// handle', 'mouseLeft1 = -10;', '');
      cut('function mouseDown(', 'function mouseLeave(', 'const mouseDown = () => {}, mouseUp = mouseDown;\n');
      cut('uPlot.assign = assign;', 'export { uPlot', '');
      return { contents: text };
    });
  },
};

/** Writes index.html, page.js and page.css. Their names stay: the server says that they are checked at each visit. */
export async function buildDashboard(folder) {
  mkdirSync(folder, { recursive: true });
  await build({
    entryPoints: { page: join(source, 'main.tsx') },
    absWorkingDir: root,
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'warning',
    plugins: [slimPlot],
  });
  // A second minifier takes another 2 kB off.
  const script = join(folder, 'page.js');
  const { code, errors } = await minify('page.js', readFileSync(script, 'utf8'), { module: true });
  if (errors.length > 0) throw new Error(errors[0].message);
  writeFileSync(script, `${licences}\n${code}`);
  cpSync(join(source, 'index.html'), join(folder, 'index.html'));
}

/** Bytes by gzip -9 of each file. */
export const sizesOf = (folder) =>
  Object.fromEntries(
    readdirSync(folder).map((name) => [name, gzipSync(readFileSync(join(folder, name)), { level: 9 }).length]),
  );

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? join(root, 'dist/server/dashboard');
  await buildDashboard(folder);
  const sizes = sizesOf(folder);
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  console.log(`${JSON.stringify(sizes)}: ${total} of ${maxDashboardBytes} bytes by gzip`);
}
