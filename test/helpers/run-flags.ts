import { Command } from 'commander';
import { addRunFlags, type RunFlags } from '../../commands/run-options.ts';

/** The flags of a command line as the real parser reads them. @param line - `npx fedloom serve --rounds 3 \ ...` */
export function readRunFlags(line: string): RunFlags {
  const words = line.split(/[\s\\]+/).filter(Boolean);
  const command = addRunFlags(new Command('serve')).exitOverride();
  return command.parse(words.slice(words.indexOf('serve') + 1), { from: 'user' }).opts();
}
