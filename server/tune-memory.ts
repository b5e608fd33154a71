import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Sets V8 up for a process that is a server, and returns what `createServer` takes as `collectGarbage`. To be called by
 * the program, before anything else.
 *
 * Every chunk of an update passes through three buffers outside V8's heap that live for a millisecond. V8 counts their
 * bytes, and starts to mark its whole heap beside the running program, on other threads, each time some tens of megabytes
 * have come and gone; that marking took a third of the server's CPU time. So incremental marking is turned off, and the
 * server asks for a collection of the youngest objects, which takes well under a millisecond, after every few megabytes.
 */
export function tuneMemoryForServing(): () => void {
  setFlagsFromString('--no-incremental-marking');
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void;
  return () => collect({ type: 'minor' });
}
