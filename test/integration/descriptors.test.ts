import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { useFolder } from '../contracts/folder.ts';
import { bundle } from '../helpers/bundle.ts';
import type { MortalMessage } from '../helpers/mortal-server.ts';

describe('a server out of file descriptors', function () {
  this.timeout(60_000);
  const folder = useFolder();

  it('turns new connections away, keeps those it has, and answers again when there is room', async () => {
    const script = await bundle('test/helpers/mortal-server.ts');
    const child = spawn('sh', ['-c', 'ulimit -n 64; exec "$0" "$1"', process.execPath, script], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const sockets: Socket[] = [];
    try {
      const port = await new Promise<number>((resolve, reject) => {
        child.once('exit', () => reject(new Error('the server ended')));
        child.on('message', (message: MortalMessage) => {
          if (message.type === 'loaded') child.send({ dataDir: folder(), port: 0, kill: null });
          else if (message.type === 'listening') resolve(message.port);
        });
      });
      const health = (): Promise<number> =>
        fetch(`http://127.0.0.1:${port}/healthz`, { headers: { connection: 'close' } }).then(({ status }) => status);
      expect(await health()).to.equal(200);
      let turnedAway = 0;
      for (let i = 0; i < 100; i++) {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => {});
        socket.once('close', () => turnedAway++);
        sockets.push(socket);
        await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => {});
      }
      const refused = await health().catch(() => 0);
      expect([refused, child.exitCode]).to.deep.equal([0, null]); // said by closing, at once
      expect(turnedAway).to.be.within(30, 90);
      for (const socket of sockets) socket.destroy();
      for (let status = 0; status !== 200;) status = await health().catch(() => 0); // the test's time is the limit
    } finally {
      for (const socket of sockets) socket.destroy();
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
});
