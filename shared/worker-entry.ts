/** Where a module stands: its `import.meta`. */
interface ModuleMeta {
  readonly url: string;
  resolve(specifier: string): string;
}

/**
 * What a Node worker thread is started with (`new Worker(entry, { eval })`) to run a module beside this one, in the built
 * package as well as from its source: there the thread first needs tsx, which the threads of a program do not inherit.
 * @param name - path of the module relative to the caller's, without extension: `./worker`
 * @param meta - the caller's `import.meta`
 */
export function workerEntry(name: string, meta: ModuleMeta): { readonly entry: URL | string; readonly eval: boolean } {
  if (!meta.url.endsWith('.ts')) return { entry: new URL(`${name}.js`, meta.url), eval: false };
  const tsx = JSON.stringify(meta.resolve('tsx/esm/api'));
  const module = JSON.stringify(new URL(`${name}.ts`, meta.url).href);
  return { entry: `import(${tsx}).then(({ register }) => { register(); return import(${module}); })`, eval: true };
}
