import express, { type RequestHandler } from 'express';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FederatedError } from '../../shared/errors.ts';

/**
 * Serves the files of a page that the build has made.
 * @param path - of their folder, from the root of the package: `server/dashboard`
 * @param folder - where they are, if not where the build puts them
 */
export function builtPage(path: string, folder = folderOf(path)): RequestHandler {
  if (folder !== undefined) {
    // Checked each time: a page and its script must be of the same build.
    return express.static(folder, { redirect: false, dotfiles: 'ignore', cacheControl: false });
  }
  return (req, _, next) => {
    next(req.path === '/' ? new FederatedError('NOT_FOUND', 'the page is not built: npm run build') : undefined);
  };
}

/** Seen from the package that was built, and from the sources. */
const folderOf = (path: string): string | undefined =>
  ['../../', '../../dist/']
    .map((root) => fileURLToPath(new URL(`${root}${path}/`, import.meta.url)))
    .find((folder) => existsSync(join(folder, 'page.js'))); // which only a build makes
