#!/usr/bin/env node
import { Command } from 'commander';
import { say } from './commands/output.ts';
import { version } from './shared/version.ts';

/** The one door: a command's folder is loaded only when that command is asked for. Each module exports `command()`. */
const commands: Record<string, { summary: string; load: () => Promise<{ command: () => Command }> }> = {
  demo: {
    summary: 'server and ten client processes on real digits, in one go',
    load: () => import('./commands/demo.ts'),
  },
  serve: { summary: 'the aggregation server', load: () => import('./commands/serve.ts') },
  join: { summary: 'a client: trains on local data for a server', load: () => import('./commands/join.ts') },
  runs: { summary: 'list, show, pause, resume, stop and remove runs', load: () => import('./commands/runs.ts') },
  export: { summary: 'write a model as TensorFlow.js or safetensors', load: () => import('./commands/export.ts') },
  data: { summary: 'the data sets that can be found here', load: () => import('./commands/data.ts') },
  doctor: { summary: 'check this machine: Node, backends, disk, ports', load: () => import('./commands/doctor.ts') },
  bench: { summary: 'measure, with ratios to a baseline of the same run', load: () => import('./commands/bench.ts') },
};

const program = new Command('fedloom')
  .description('Federated learning for TypeScript: train one model on data that stays where it is.')
  .version(version, '-V, --version')
  .helpCommand(false)
  .showHelpAfterError('(fedloom --help lists the commands)');

const name = process.argv[2] ?? '';
const wanted = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (wanted !== undefined) {
  const { command } = await wanted.load();
  program.addCommand(command());
} else {
  for (const [each, { summary }] of Object.entries(commands)) program.command(each).description(summary);
}
program.exitOverride((error) => {
  process.exit(error.exitCode === 0 ? 0 : 2); // 2: bad usage
});
if (name === '') {
  program.outputHelp();
  say();
} else {
  await program.parseAsync();
}
