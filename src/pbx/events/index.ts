export {
  type CallFacts,
  type CallStatus,
  type EndedCall,
  type Ending,
  EventBus,
  type LegFacts,
  type LegMedia,
  type Party,
  type PbxEvent,
  type PbxEventListener,
  type RegistrationFacts,
  type TerminationReason,
} from './events.ts';
