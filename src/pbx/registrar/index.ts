export { contactOf } from './contact.ts';
export type { Binding, BindingStore } from './location-store.ts';
export { NatKeepalive, type NatKeepaliveOptions, type SendOptions } from './nat-keepalive.ts';
export { type ReachableBinding, Registrar, type RegistrarConfig, type RegistrarOptions } from './registrar.ts';
export { type RegistrationServiceOptions, serveRegistrations } from './registration-service.ts';
