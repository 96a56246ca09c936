// npm run docs:state-machines: draws the transaction machines in docs/state-machines.md, from the tables that run.
import { writeFileSync } from 'node:fs';
import { inviteClient, inviteServer, nonInviteClient, nonInviteServer } from '../src/sip/transaction/index.ts';

type Table = Readonly<Record<string, Readonly<Record<string, readonly [next: string, ...actions: string[]]>>>>;

interface Chapter {
  readonly title: string;
  readonly file: string;
  readonly about: string;
  /** What happens before the first row. */
  readonly start: string;
  readonly table: Table;
}

const chapters: readonly Chapter[] = [
  {
    title: 'An INVITE of ours',
    file: 'invite-client.ts',
    about:
      'RFC 3261 §17.1.1 with the `accepted` state of RFC 6026: every 2xx of every branch passes up, and its ACK is the ' +
      'business of the dialog. `abandon` is the word of the user that it cancelled and has waited long enough.',
    start: 'send request, start A over UDP, start B',
    table: inviteClient as Table,
  },
  {
    title: 'Any other request of ours',
    file: 'non-invite-client.ts',
    about: 'RFC 3261 §17.1.2.',
    start: 'send request, start E over UDP, start F',
    table: nonInviteClient as Table,
  },
  {
    title: 'An INVITE to us',
    file: 'invite-server.ts',
    about:
      'RFC 3261 §17.2.1 with the `accepted` state of RFC 6026: the dialog repeats its 2xx until the ACK, the ' +
      'transaction only absorbs repetitions of the INVITE. Timer Trying is the 200 ms after which a 100 is due.',
    start: 'start Trying',
    table: inviteServer as Table,
  },
  {
    title: 'Any other request to us',
    file: 'non-invite-server.ts',
    about:
      'RFC 3261 §17.2.2 as RFC 4320 corrects it: a 100 only once the client repeats itself every T2 (timer Trying), ' +
      'never a 408. Timer Patience forgets a request that nobody answered.',
    start: 'start Trying, start Patience',
    table: nonInviteServer as Table,
  },
];

const introduction = `# State machines of the transaction layer

Drawn from the tables in \`src/sip/transaction\` by \`npm run docs:state-machines\`; a test fails when the page and the
tables differ. A line on an arrow is a row of the table: what comes in, and behind the slash what is done, in this order.
What has no arrow is ignored. \`timers.ts\` and the two drivers, \`client-transaction.ts\` and \`server-transaction.ts\`,
say how long the timers run.
`;

/** The whole page. */
export function stateMachinesPage(): string {
  return [introduction, ...chapters.map(chapterText)].join('\n');
}

function chapterText({ title, file, about, start, table }: Chapter): string {
  return [
    `## ${title}`,
    '',
    `[\`${file}\`](../src/sip/transaction/${file}): ${about}`,
    '',
    '```mermaid',
    ...diagram(table, start),
    '```',
    '',
  ].join('\n');
}

/** One arrow from each state to each next one, with a line for every row that goes there. */
function diagram(table: Table, start: string): string[] {
  const [initial] = Object.keys(table);
  const lines = ['stateDiagram-v2', `  [*] --> ${initial} : ${start}`];
  for (const [state, rows] of Object.entries(table)) {
    const arrows = new Map<string, string[]>();
    for (const [input, [next, ...actions]] of Object.entries(rows)) {
      const label = actions.length > 0 ? `${input} / ${actions.join(', ')}` : input;
      arrows.set(next, [...(arrows.get(next) ?? []), label]);
    }
    for (const [next, labels] of arrows) lines.push(`  ${state} --> ${next} : ${labels.join('<br/>')}`);
  }
  lines.push('  terminated --> [*]');
  return lines;
}

if (import.meta.main) writeFileSync(new URL('../docs/state-machines.md', import.meta.url), stateMachinesPage());
