#!/usr/bin/env node
import { main } from './commands/main.ts';

/** The one door: `fedloom <command>`. Exit codes: 0 done, 1 failed, 2 bad usage. */

// A reader that has seen enough, as in `fedloom runs ls | head -1`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

await main(process.argv.slice(2));
