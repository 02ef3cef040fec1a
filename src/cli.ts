#!/usr/bin/env node
import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { NeedsHuman, Refused } from './errors.ts';
import { type Tool, tools } from './tools.ts';

// The same verbs as in the channel, and the stand-alone tools. Heavy parts are loaded when they are used.
process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const [name = 'help', ...rest] = argv;
  try {
    if (name === '--version' || name === '-v') {
      const { packageVersion } = await import('./open-clients.ts');
      console.log(packageVersion());
      return 0;
    }
    const tool = tools[name];
    if (tool && (rest.includes('--help') || rest.includes('-h'))) {
      console.log(tool.usage);
      return 0;
    }
    if (tool && !tool.also?.(rest)) return await tool.run(parse(name, tool, rest), process.env);
    if (['help', '--help', '-h'].includes(name) && rest.length === 0) {
      const { terminalHelp } = await import('./commands/table.ts');
      console.log(
        `${terminalHelp()}\n\nTools\n${Object.values(tools)
          .map(({ usage }) => `  ${usage.split('\n')[0]}`)
          .join('\n')}`,
      );
      return 0;
    }
    return await verb(argv);
  } catch (error) {
    if (error instanceof Refused || error instanceof NeedsHuman) {
      console.error(`${error.message}${error instanceof NeedsHuman ? ` ${error.remedy}` : ''} (${error.code})`);
      return error instanceof Refused && error.code !== 'arguments.invalid' ? 1 : 2;
    }
    console.error(error instanceof Error ? error.message : String(error));
    return 2;
  }
}

function parse(name: string, { usage, options }: Tool, args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new Refused('arguments.invalid', `npx pgupgrade ${name}: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
}

async function verb(argv: readonly string[]): Promise<number> {
  const [{ runVerbFromTerminal }, { openTerminal }] = await Promise.all([import('./commands/terminal.ts'), import('./open-terminal.ts')]);
  const terminal = await openTerminal(process.env, process.env['PGUPGRADE_AS'] ?? `terminal:${userInfo().username}`);
  try {
    const { text, exitCode } = await runVerbFromTerminal(terminal.context, argv);
    if (process.stderr.isTTY) process.stderr.write('\r\u001B[K');
    (exitCode === 0 ? console.log : console.error)(text);
    return exitCode;
  } finally {
    await terminal.close();
  }
}
