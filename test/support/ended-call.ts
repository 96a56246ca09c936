import type { EndedCall, Ending, LegMedia } from '../../src/pbx/events/index.ts';

const media: LegMedia = {
  packetsReceived: 50,
  packetsSent: 50,
  packetsLost: 0,
  lossBursts: 0,
  jitterMs: 1.25,
  mos: 4.4094,
  mosWorst: 4.1,
  sentMos: null,
  sentMosWorst: null,
  rttMs: 20.04,
  srtp: 'AEAD_AES_128_GCM',
  codec: 'PCMU',
};

const hungUp: Ending = {
  party: 'caller',
  status: 'completed',
  reason: 'normal',
  sipStatus: 200,
  q850: 16,
  text: 'the caller hung up',
};

/** An answered call that the caller ended, for tests; `facts` replaces what matters there. */
export function endedCall(facts: Partial<EndedCall> = {}): EndedCall {
  const startedAt = facts.startedAt ?? 1_736_071_200_000;
  const endedAt = facts.endedAt ?? startedAt + 65_000;
  return {
    callId: 'call-1',
    callerSipCallId: 'a@192.0.2.1',
    calleeSipCallId: 'b@192.0.2.9',
    caller: '1001',
    callee: '1002',
    callerIp: '192.0.2.1',
    linkedId: null,
    calleeIp: '192.0.2.2',
    startedAt,
    ringingAt: startedAt + 100,
    answeredAt: startedAt + 500,
    endedAt,
    setupMs: 100,
    durationMs: endedAt - startedAt,
    billMs: Math.max(0, endedAt - startedAt - 500),
    codec: 'PCMU',
    ending: hungUp,
    media: { caller: media, callee: media },
    recording: null,
    ...facts,
  };
}
