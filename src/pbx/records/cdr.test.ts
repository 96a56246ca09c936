import { expect, test } from 'vitest';
import { endedCall } from '../../../test/support/ended-call.ts';
import { cdrOf } from './cdr.ts';

test('the record has the quality of each leg, rounded, and null where it was not measured', () => {
  expect(cdrOf(endedCall()).rtp.caller).toEqual({
    packets_received: 50,
    packets_sent: 50,
    packets_lost: 0,
    loss_bursts: 0,
    jitter_ms: 1.3,
    mos: 4.41,
    mos_worst: 4.1,
    sent_mos: null,
    sent_mos_worst: null,
    rtt_ms: 20,
    codec: 'PCMU',
    srtp: 'AEAD_AES_128_GCM',
  });
});
