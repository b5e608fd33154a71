/**
 * What a Node worker thread is started with (`new Worker(entry, { eval })`) to run a module beside this one, in the built
 * package as well as from its source: there the thread first needs tsx, which the threads of a program do not inherit.
 * @param name - path of the module relative to the caller's, without extension: `./worker`
 * @param caller - the caller's `import.meta.url`
 */
export function workerEntry(name: string, caller: string): { readonly entry: URL | string; readonly eval: boolean } {
  if (!caller.endsWith('.ts')) return { entry: new URL(`${name}.js`, caller), eval: false };
  const module = JSON.stringify(new URL(`${name}.ts`, caller).href);
  // The thread's code is a script, so it finds tsx by `require`, and imports the module beside what that finds.
  const tsx = `require('node:module').createRequire(${JSON.stringify(caller)}).resolve('tsx/esm/api')`;
  const url = `require('node:url').pathToFileURL(${tsx}.replace(/cjs$/, 'mjs')).href`;
  return { entry: `import(${url}).then(({ register }) => { register(); return import(${module}); });`, eval: true };
}
