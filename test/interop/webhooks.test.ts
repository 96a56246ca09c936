import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { ExchangeProcess, Folder } from './exchange-process.ts';
import { play } from './sipp-call.ts';
import { needs } from './tools.ts';
import { WebhookReceiver } from './webhook-receiver.ts';

const secret = `whsec_${Buffer.from('a secret for the tests only').toString('base64')}`;
const [caller, callee] = [
  { number: '4001', password: 'webhook-password' },
  { number: '4002', password: 'webhook-password' },
];

function configFor(receiver: WebhookReceiver) {
  return {
    extensions: [caller, callee],
    events: { webhook_urls: [receiver.url], webhook_secret: secret, webhook_retries: 0 },
  };
}

const story = { caller, callee, calling: 'caller-is-hung-up-on', called: 'callee-hangs-up' };
const wholeCall = ['call.started', 'call.ringing', 'call.answered', 'call.ended'];

describe.runIf(needs('sipp')).concurrent('webhooks', () => {
  test('everything that happens is posted, in order and signed', async () => {
    await using receiver = await WebhookReceiver.start();
    await using exchange = await ExchangeProcess.start({ config: configFor(receiver) });
    const [cdr] = await play(exchange, story);
    await receiver.count(5);
    expect(receiver.types()).toEqual(['registration.added', ...wholeCall]);
    expect(receiver.received.at(-1)?.event.data).toEqual(cdr);
    expect(new Set(receiver.received.slice(1).map(({ event }) => event.data['call_id']))).toEqual(
      new Set([cdr?.call_id]),
    );
    const webhook = new Webhook(secret);
    for (const { body, headers, event } of receiver.received) {
      expect(headers['webhook-id']).toBe(event.id);
      expect(() => webhook.verify(body, headers as Record<string, string>)).not.toThrow();
      expect(() => webhook.verify(`${body} `, headers as Record<string, string>)).toThrow();
    }
  });

  test('what nobody took is posted after a restart, each call in order', async () => {
    using folder = new Folder();
    await using receiver = await WebhookReceiver.start();
    receiver.status = 500;
    const config = configFor(receiver);
    const refused: string[] = [];
    {
      await using exchange = await ExchangeProcess.start({ folder, config });
      await play(exchange, story);
      await receiver.count(2);
      expect(await exchange.stop()).toEqual({ code: 0, signal: null });
      refused.push(...new Set(receiver.received.map(({ event }) => event.id)));
    }
    receiver.status = 204;
    receiver.received.length = 0;
    {
      await using exchange = await ExchangeProcess.start({ folder, config });
      await receiver.count(5);
      expect(receiver.types().toSorted()).toEqual(['registration.added', ...wholeCall].toSorted());
      expect(receiver.types().filter((type) => type.startsWith('call.'))).toEqual(wholeCall);
      expect(receiver.received.map(({ event }) => event.id)).toEqual(expect.arrayContaining(refused));
      expect(await exchange.stop()).toEqual({ code: 0, signal: null });
    }
  });
});
