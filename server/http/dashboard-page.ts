import express, { type RequestHandler } from 'express';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FederatedError } from '../../shared/errors.ts';

/** Where the build puts the page's files: seen from the package that was built, and from the sources. */
const folders = ['../dashboard/', '../../dist/server/dashboard/'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);
/** A file that only a build makes. */
const isBuilt = (folder: string): boolean => existsSync(join(folder, 'page.js'));

/** Serves the operator's page. @param folder - of its built files; without it, the one that the build made */
export function dashboardPage(folder = folders.find(isBuilt)): RequestHandler {
  if (folder !== undefined) {
    // Checked each time: a page and its script must be of the same build.
    return express.static(folder, { redirect: false, dotfiles: 'ignore', cacheControl: false });
  }
  return (req, _, next) => {
    next(req.path === '/' ? new FederatedError('NOT_FOUND', 'the page is not built: npm run build') : undefined);
  };
}
