import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearest, parseArgv, parse as parseText } from '../../src/commands/parse.ts';
import { valuedFlags, verbs, verbTable } from '../../src/commands/table.ts';

const parse = (text: string) => parseText(text, valuedFlags);

describe('what people type', () => {
  it('is a verb, words and flags', () => {
    expect(parse('Start inapp/staging --to=17 --dry-run')).toEqual({
      verb: 'start',
      words: ['inapp/staging'],
      flags: { to: '17', 'dry-run': true },
    });
    expect(parse('start staging --to 17')).toMatchObject({ words: ['staging'], flags: { to: '17' } });
    expect(parse('   ')).toEqual({ verb: '', words: [], flags: {} });
  });
  it('may be quoted, with typographic quotes too', () => {
    for (const quoted of ['"two words"', '“two words”', '„two words“', '‘two words’', '«two words»', "'two words'", '”two words”'])
      expect(parse(`pause PG-1 ${quoted} rest`).words).toEqual(['PG-1', 'two words', 'rest']);
    expect(parse('pause --reason="two words" x')).toMatchObject({ words: ['x'], flags: { reason: 'two words' } });
    expect(parse("note it doesn’t matter, don't worry").words).toEqual(['it', 'doesn’t', 'matter,', "don't", 'worry']);
    expect(parse('note "never closed').words).toEqual(['never closed']);
    expect(parse('note "--to=3"').words).toEqual(['--to=3']);
  });
  it('may be a name as the bot prints it, which keeps its quotes', () => {
    expect(parse('diff "Capitals"."Capitals"').words).toEqual(['"Capitals"."Capitals"']);
    expect(parse('diff PG-1 public."my table" rest').words).toEqual(['PG-1', 'public."my table"', 'rest']);
    expect(parse('diff “My Schema”.„my table“').words).toEqual(['"My Schema"."my table"']);
    expect(parse('diff "a ""b"" c".d').words).toEqual(['"a ""b"" c".d']);
    expect(parse('diff "Capitals" "two words." x').words).toEqual(['Capitals', 'two words.', 'x']);
    expect(parse('diff public.campaign').words).toEqual(['public.campaign']);
  });
  it('may have a long dash where a telephone made one', () => {
    expect(parse('start staging —to=17').flags).toEqual({ to: '17' });
    expect(parse('note a — b').words).toEqual(['a', '—', 'b']);
  });
  it('has mentions, links and Slack’s entities as what they mean', () => {
    expect(parse('note <@U012AB|ana> <#C01|x> <!subteam^S01|@dbas> &lt;&amp;&gt; <https://a.b/c|c>').words).toEqual([
      'U012AB',
      'C01',
      'S01',
      '<&>',
      'https://a.b/c',
    ]);
  });
  it('has names that Slack made addresses of as they were typed', () => {
    expect(parse('note <http://inapp.example|inapp.example> <mailto:ana@a.b|ana@a.b> <https://a.b>').words).toEqual([
      'inapp.example',
      'ana@a.b',
      'https://a.b',
    ]);
  });
  it('keeps a long dash inside quotes', () => {
    expect(parse('note “we wait —to be sure”').words).toEqual(['we wait —to be sure']);
  });
  it('never breaks the parser', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(parse(text).verb).toBe(parse(text).verb.toLowerCase());
      }),
    );
  });
  it('is the same from a terminal, where the shell has unquoted it', () => {
    expect(parseArgv(['abort', 'PG-1', 'because it "hurts"', '--at=22:00 Europe/Vienna', '--to', '17'], ['to'])).toEqual({
      verb: 'abort',
      words: ['PG-1', 'because it "hurts"'],
      flags: { at: '22:00 Europe/Vienna', to: '17' },
    });
  });
});

describe('an unknown verb', () => {
  const names = verbs.map((verb) => verb.name);
  it('is answered with the nearest one, if one is near', () => {
    expect(nearest('resmue', names)).toBe('resume');
    expect(nearest('sta', names)).toBeUndefined(); // start or status
    expect(nearest('aprove', names)).toBe('approve');
    expect(nearest('xyzzy', names)).toBeUndefined();
  });
});

describe('the table of verbs', () => {
  it('names each verb once, and says of each who and what', () => {
    const names = verbs.map((verb) => verb.name);
    expect(new Set(names).size).toBe(names.length);
    for (const verb of verbs) {
      expect(verb.usage.split(' ')[0]).toBe(verb.name);
      expect(verbTable()).toContain(`| \`${verb.usage}\` |`);
    }
  });
});
