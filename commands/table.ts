import type { Command } from 'commander';

/** A command of `fedloom`: its modules are loaded only when it is asked for. */
export interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: () => Command }>;
}

/** Every command, in the order in which help lists them. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  demo: {
    summary: 'server and ten client processes on real digits, in one go',
    load: () => import('./demo.ts'),
  },
  serve: { summary: 'the aggregation server', load: () => import('./serve.ts') },
  join: { summary: 'a client: trains on local data for a server', load: () => import('./join.ts') },
  simulate: { summary: 'many clients on one machine, seeded', load: () => import('./simulate.ts') },
  experiment: {
    summary: 'published claims, and the simulations that try them',
    load: () => import('./experiment.ts'),
  },
  runs: { summary: 'list, show, pause, resume, stop and remove runs', load: () => import('./runs.ts') },
  export: { summary: 'write a model as TensorFlow.js or safetensors', load: () => import('./export.ts') },
  report: { summary: 'a run as one HTML file with its plots', load: () => import('./report.ts') },
  compare: { summary: 'runs over their seeds, as a table and a figure', load: () => import('./compare.ts') },
  token: { summary: 'tokens that end by themselves; new secrets for old ones', load: () => import('./token.ts') },
  audit: { summary: 'who did what over the API of a server', load: () => import('./audit.ts') },
  verify: { summary: 'check a data folder or a backup, repair what can be', load: () => import('./verify.ts') },
  backup: { summary: 'copy a data folder, also while its server runs', load: () => import('./backup.ts') },
  restore: { summary: 'make a data folder of a backup', load: () => import('./restore.ts') },
  data: { summary: 'the data sets that can be found here', load: () => import('./data.ts') },
  doctor: { summary: 'check this machine: Node, backends, disk, ports', load: () => import('./doctor.ts') },
  bench: { summary: 'measure, with ratios to a baseline of the same run', load: () => import('./bench.ts') },
};
