import express, { type Router } from 'express';
import { builtPage } from './built-page.ts';

/** As strict as the dashboard's, with what a client in a page needs: its worker, WebAssembly, its socket. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data: blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * `/try/`: a page on which a visitor draws digits and trains on them, as a client of this server. Its join link is behind the
 * `#` of its address, which no browser sends.
 */
export function tryPage(): Router {
  const router = express.Router({ strict: true });
  router.get('/try', (_, res) => res.redirect(308, '/try/'));
  router.use('/try/', (_, res, next) => {
    res.set('Content-Security-Policy', policy);
    next();
  });
  router.use('/try/', builtPage('client/try'));
  return router;
}
