import { Command, CommanderError } from 'commander';
import { version } from '../shared/version.ts';
import { printJson, runAction, say } from './output.ts';
import { commands } from './table.ts';

/**
 * Runs a command: what it says goes to stdout and stderr, and `process.exitCode` is set where it fails.
 * @param args - as they stand behind `fedloom`
 */
export async function main(args: readonly string[]): Promise<void> {
  const json = args.includes('--json');
  const program = new Command('fedloom')
    .description('Federated learning for TypeScript: train one model on data that stays where it is.')
    .version(version, '-V, --version')
    .helpCommand(false)
    .showHelpAfterError()
    .exitOverride();
  await runAction(json, async () => {
    const name = args[0] ?? '';
    const wanted = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (wanted === undefined) {
      for (const [each, { summary }] of Object.entries(commands)) program.command(each).description(summary);
    } else {
      program.addCommand(inherit((await wanted.load()).command(), program, `fedloom ${name}`));
    }
    if (name === '' || name === 'help') return program.outputHelp();
    try {
      await program.parseAsync([...args], { from: 'user' });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      if (error.exitCode === 0) return; // help or version, which were asked for
      process.exitCode = 2;
      const message = error.code === 'commander.help' ? 'a command is missing' : error.message.replace(/^error: /, '');
      if (json) printJson({ error: { code: 'BAD_ARGUMENT', message } });
      if (error.code === 'commander.help') say(`fedloom: ${message}`);
    }
  });
}

/** A command that was made elsewhere does not inherit by itself. */
function inherit(command: Command, parent: Command, path: string): Command {
  command.copyInheritedSettings(parent).helpCommand(false);
  // A page of options would push what was wrong off the screen; a list of commands is short.
  command.showHelpAfterError(command.commands.length > 0 || `(${path} --help lists the options)`);
  for (const each of command.commands) inherit(each, command, `${path} ${each.name()}`);
  return command;
}
